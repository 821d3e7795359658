package graph

import "fmt"

// nesting returns how deep lists and objects are within each other in a JSON text. It reads no further than it must to know, and
// says nothing of whether the text is JSON.
func nesting(text []byte) (deepest int) {
	depth, inString := 0, false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case inString && c == '\\':
			i++
		case c == '"':
			inString = !inString
		case inString:
		case c == '[' || c == '{':
			depth++
			deepest = max(deepest, depth)
		case c == ']' || c == '}':
			depth--
		}
	}
	return deepest
}

// checkNesting refuses a text that is nested deeper than may be, before it is decoded: what reads it calls itself for each level.
func checkNesting(text []byte, most int) error {
	if n := nesting(text); n > most {
		return fmt.Errorf("has %d levels of lists and objects; %d are possible", n, most)
	}
	return nil
}
