import { useEffect, useId, useLayoutEffect, useRef, useState } from 'preact/hooks';
import { amend, go } from '../address';
import { count } from '../words';
import { complete, typedAt, type Completion, type Typed } from './completion';
import { useSuggestions } from './suggestions';
import { Underlined } from './underlined';
import type { Warning } from './answer';
import './box.css';

const pause = 300; // in typing, before it is searched, in milliseconds

const kinds: Record<Completion['kind'], string> = {
  ORDER: 'Order', RESTAURANT: 'Restaurant', DISH: 'Dish', CITY: 'City', FIELD: 'Search field', STATUS: 'Status',
};

interface Props {
  /** What is searched for. */
  q: string;
  warnings: Warning[];
  /** The id of what says more about the query, to be read with the box. */
  describedBy: string;
  /** Is told that typing has begun, and that it is over. */
  onTyping: (typing: boolean) => void;
}

/**
 * Box takes the search as it is typed. It searches whenever the typing pauses: the first time as a step that Back undoes, and
 * within that step until Enter is pressed or the box is left. What is typed is never replaced but by what is taken from the list.
 */
export function Box({ q, warnings, describedBy, onTyping }: Props) {
  const id = useId();
  const input = useRef<HTMLInputElement>(null);
  const { text, type, finish } = useTyping(q, onTyping);
  const [typed, setTyped] = useState<Typed>();
  const [active, setActive] = useState(-1);
  const found = useSuggestions(typed);
  const open = typed !== undefined && found.length > 0;
  const chosen = open ? found[active] : undefined;
  useSlash(input);

  const close = () => {
    setTyped(undefined);
    setActive(-1);
  };
  const look = () => {
    const box = input.current;
    setTyped(box ? typedAt(box.value, box.selectionStart ?? box.value.length) : undefined);
    setActive(-1);
  };
  const take = (one: Completion) => {
    const box = input.current;
    if (one.kind === 'ORDER' && !typed?.field) {
      close();
      go({ order: one.text });
    } else if (box && typed) {
      const next = complete(box.value, typed, one);
      box.value = next.text; // the cursor is set in the text as it will be
      box.setSelectionRange(next.cursor, next.cursor);
      type(next.text);
      if (next.text.endsWith(':')) {
        look();
      } else {
        close();
        finish();
      }
    }
  };
  const onKeyDown = (event: KeyboardEvent) => {
    const step = event.key === 'ArrowDown' ? 1 : event.key === 'ArrowUp' ? -1 : 0;
    if (event.isComposing) {
      return;
    } else if (step !== 0) {
      event.preventDefault();
      if (open) {
        setActive(((active + 1 + step + found.length + 1) % (found.length + 1)) - 1);
      } else {
        look();
      }
    } else if (event.key === 'Enter') {
      event.preventDefault();
      if (chosen) {
        take(chosen);
      } else {
        close();
        finish();
      }
    } else if (event.key === 'Escape' && open) {
      event.preventDefault();
      close();
    } else if (event.key === 'Escape' && text !== '') {
      event.preventDefault();
      type('');
      finish();
    }
  };

  return (
    <form role="search" class="box" onSubmit={(event) => event.preventDefault()}>
      <label class="visually-hidden" for={`${id}box`}>Search orders</label>
      <div class="field">
        <Underlined text={text} warnings={warnings} by={input} />
        <input
          ref={input} id={`${id}box`} type="text" role="combobox" autocomplete="off" autocapitalize="none" spellcheck={false} enterkeyhint="search"
          placeholder="Order, customer, restaurant, dish, address" maxLength={1000}
          aria-autocomplete="list" aria-expanded={open} aria-controls={`${id}list`} aria-describedby={describedBy} aria-keyshortcuts="/"
          aria-activedescendant={chosen ? `${id}${active}` : undefined}
          value={text}
          onInput={(event) => {
            type(event.currentTarget.value);
            look();
          }}
          onKeyDown={onKeyDown}
          onClick={() => typed && look()}
          onBlur={() => {
            close();
            finish();
          }}
        />
        {text === '' ? (
          <kbd aria-hidden="true" title="Press / to get here">/</kbd>
        ) : (
          <button
            type="button" class="clear" aria-label="Clear the search"
            onClick={() => {
              type('');
              finish();
              input.current?.focus();
            }}
          >×</button>
        )}
      </div>
      <ul id={`${id}list`} class="suggestions sheet" role="listbox" aria-label="Suggestions" hidden={!open}>
        {found.map((one, i) => (
          <li
            key={one.kind + one.query} id={`${id}${i}`} role="option" aria-selected={i === active}
            class={one.kind !== found[i - 1]?.kind ? 'first' : ''}
            onPointerDown={(event) => event.preventDefault()} // the box keeps the focus
            onClick={() => take(one)}
          >
            <span class="kind">{kinds[one.kind]}</span>
            <span class="text">{one.text}{one.kind === 'FIELD' ? ':' : ''}</span>
            {one.kind === 'ORDER' ? <span class="hint">open</span> : one.count !== null && <span class="hint">{count(one.count)}<span class="visually-hidden"> orders</span></span>}
          </li>
        ))}
      </ul>
      <span class="visually-hidden" role="status">{open ? `${found.length} ${found.length === 1 ? 'suggestion' : 'suggestions'}` : ''}</span>
    </form>
  );
}

/** useTyping keeps the text of the box and of the address alike, without replacing what is being typed. */
function useTyping(q: string, onTyping: (typing: boolean) => void) {
  const [text, setText] = useState(q);
  const said = useRef(q); // what the box last searched for, or was told
  const latest = useRef(q);
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  const step = useRef<string>(undefined); // the address of the step for what is being typed, where it has begun
  // Before anything else can be typed: later, what is compared might be an address of before that.
  useLayoutEffect(() => {
    if (q !== said.current) {
      clearTimeout(timer.current);
      step.current = undefined;
      said.current = latest.current = q;
      setText(q);
    }
  }, [q]);
  useEffect(() => () => clearTimeout(timer.current), []);
  const search = () => {
    clearTimeout(timer.current);
    const q = latest.current.trimEnd();
    if (q !== said.current) {
      said.current = q;
      (step.current === location.search ? amend : go)({ q });
      step.current = location.search;
    }
  };
  return {
    text,
    type(next: string) {
      latest.current = next;
      setText(next);
      onTyping(true);
      clearTimeout(timer.current);
      if (!/(^|\s)\S$/.test(next)) { // a single letter finds nothing: more of the word is to come
        timer.current = setTimeout(search, pause);
      }
    },
    finish() {
      onTyping(false);
      search();
      step.current = undefined;
    },
  };
}

/** useSlash brings the focus to the box when / is pressed, but where something is being typed. */
function useSlash(input: { current: HTMLInputElement | null }) {
  useEffect(() => {
    const pressed = (event: KeyboardEvent) => {
      const at = event.target as HTMLElement;
      if (event.key === '/' && !event.ctrlKey && !event.metaKey && !event.altKey && !at.closest('input, textarea, select, [contenteditable]')) {
        event.preventDefault();
        input.current?.focus();
        input.current?.select();
      }
    };
    addEventListener('keydown', pressed);
    return () => removeEventListener('keydown', pressed);
  }, [input]);
}
