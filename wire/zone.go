package wire

import (
	"fmt"
	"time"
	_ "time/tzdata" // a container may have no zones of its own
)

// Zone returns the time zone with an IANA name, such as America/Los_Angeles; UTC for "".
func Zone(name string) (*time.Location, error) {
	if name == "Local" { // this machine's, whatever it is
		return nil, fmt.Errorf("no time zone: %q", name)
	}
	zone, err := time.LoadLocation(name)
	if err != nil {
		return nil, fmt.Errorf("no time zone: %.60q", name)
	}
	return zone, nil
}
