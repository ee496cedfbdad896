import { useId, useRef, useState } from "preact/hooks";
import type { Api } from "../api/api";
import type { Term } from "../api/documents";
import { VisibleText } from "../shared/visible_text";
import { strings } from "../strings";
import { readTerm, type Suggestion, useSuggestions } from "./suggestions";
import "./combobox.css";

interface Properties {
  api: Api;
  name: string;
  hint: string;
  /** True if the field takes no terms of other kinds. */
  isOnlyLabels?: boolean | undefined;
  onChoose: (term: Term) => void;
  /** Called for Backspace in the empty field. */
  onErase: () => void;
}

/**
 * A field that suggests known names and selects the first: Enter accepts it. After Escape, Enter accepts the typed
 * text, and always if it ends with `*`. https://www.w3.org/WAI/ARIA/apg/patterns/combobox/
 */
export function Combobox({ api, name, hint, isOnlyLabels = false, onChoose, onErase }: Properties) {
  const id = useId();
  const field = useRef<HTMLInputElement>(null);
  const [text, setText] = useState("");
  const [isOpen, setOpen] = useState(false);
  const { suggestions, setSuggestions, active, setActive, read } = useSuggestions(api, text, isOpen, isOnlyLabels);
  const typed = (): Term => (isOnlyLabels ? { kind: "label", name: text.trim() } : readTerm(text));

  function choose({ kind, name }: Term) {
    if (!name) return;
    setText("");
    setOpen(false);
    setSuggestions(null);
    onChoose({ kind, name });
    field.current?.focus();
  }

  /** Accept the selected suggestion. After fast typing, read the suggestions first. */
  async function accept() {
    const isComplete = !isOpen || text.trim().endsWith("*");
    const selected = !isComplete && active >= 0 ? suggestions?.[active] : undefined;
    if (selected || isComplete || !text.trim()) return choose(selected ?? typed());
    const found = await read(text);
    if (field.current?.value === text) choose(found?.[0] ?? typed());
  }

  function moveActive(step: number) {
    const last = (suggestions?.length ?? 0) - 1;
    setOpen(true);
    setActive(active + step > last ? 0 : active + step < 0 ? last : active + step);
  }

  function onKeyDown(event: KeyboardEvent) {
    if (event.isComposing || event.keyCode === 229) return; // an input method uses the key; Safari reports only 229
    if (event.key === "ArrowDown") moveActive(1);
    else if (event.key === "ArrowUp") moveActive(-1);
    else if (event.key === "Enter") void accept();
    else if (event.key === "Escape" && isOpen) setOpen(false);
    else if (event.key === "Backspace" && !text) return onErase();
    else return;
    event.preventDefault();
  }

  const isShown = isOpen && suggestions !== null && suggestions.length > 0;
  const isUnknown = isOpen && suggestions?.length === 0 && text.trim() !== "";
  return (
    <div class="combobox">
      <input
        ref={field}
        role="combobox"
        aria-label={name}
        aria-autocomplete="list"
        aria-expanded={isShown}
        aria-controls={`${id}-list`}
        aria-activedescendant={isShown && active >= 0 ? `${id}-${active}` : undefined}
        placeholder={hint}
        autocomplete="off"
        autocapitalize="off"
        spellcheck={false}
        maxLength={200}
        value={text}
        onInput={(event) => {
          setText(event.currentTarget.value);
          setActive(-1); // the suggestions are for the previous text
          setOpen(true);
        }}
        onClick={() => setOpen(true)}
        onFocus={() => text && setOpen(true)}
        onBlur={() => setOpen(false)}
        onKeyDown={onKeyDown}
      />
      <SuggestionList id={id} suggestions={suggestions} active={active} isShown={isShown} onChoose={choose} />
      <p class={isUnknown ? "suggestions none" : "visually-hidden"} role="status">
        {isUnknown ? strings.noSuggestion(text.trim()) : isShown ? strings.suggestionsFound(suggestions.length) : ""}
      </p>
    </div>
  );
}

interface SuggestionListProperties {
  id: string;
  suggestions: Suggestion[] | null;
  active: number;
  isShown: boolean;
  onChoose: (term: Term) => void;
}

function SuggestionList({ id, suggestions, active, isShown, onChoose }: SuggestionListProperties) {
  return (
    <ul id={`${id}-list`} class="suggestions" role="listbox" aria-label={strings.suggestions} hidden={!isShown}>
      {suggestions?.map(({ kind, name, images }, index) => (
        <li
          key={`${kind} ${name}`}
          id={`${id}-${index}`}
          role="option"
          aria-selected={index === active}
          onMouseDown={(event) => event.preventDefault()} // the field keeps the focus, so the list stays open
          onClick={() => onChoose({ kind, name })}
        >
          <span>
            {kind !== "label" && <small class="kind">{strings.kinds[kind]}: </small>}
            <VisibleText text={name} />
          </span>{" "}
          <small>{strings.pictureCount(images)}</small>
        </li>
      ))}
    </ul>
  );
}
