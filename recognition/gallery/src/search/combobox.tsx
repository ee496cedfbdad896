import { useEffect, useId, useRef, useState } from "preact/hooks";
import type { Api } from "../api/api";
import type { LabelCount } from "../api/documents";
import { VisibleText } from "../shared/visible_text";
import { strings } from "../strings";
import "./combobox.css";

const TYPING_DELAY_MS = 120;
const MAX_SUGGESTIONS = 8;

interface Properties {
  api: Api;
  name: string;
  hint: string;
  onChoose: (label: string) => void;
  /** Called for Backspace in the empty field. */
  onErase: () => void;
}

/**
 * A field that suggests known labels and selects the first: Enter accepts it. After Escape, Enter accepts the typed
 * text. https://www.w3.org/WAI/ARIA/apg/patterns/combobox/
 */
export function Combobox({ api, name, hint, onChoose, onErase }: Properties) {
  const id = useId();
  const field = useRef<HTMLInputElement>(null);
  const [text, setText] = useState("");
  const [isOpen, setOpen] = useState(false);
  const { suggestions, setSuggestions, active, setActive, read } = useSuggestions(api, text, isOpen);

  function choose(label: string) {
    if (!label.trim()) return;
    setText("");
    setOpen(false);
    setSuggestions(null);
    onChoose(label.trim());
    field.current?.focus();
  }

  /** Accept the selected suggestion. After fast typing, read the suggestions first. */
  async function accept() {
    const selected = isOpen && active >= 0 ? suggestions?.[active] : undefined;
    if (selected || !isOpen || !text.trim()) return choose(selected?.label ?? text);
    const found = await read(text.trim());
    if (field.current?.value === text) choose(found?.[0]?.label ?? text);
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

/** Read the suggestions for a text while the list is open. They are null until known. */
function useSuggestions(api: Api, text: string, isOpen: boolean) {
  const [suggestions, setSuggestions] = useState<LabelCount[] | null>(null);
  const [active, setActive] = useState(-1);
  const read = (prefix: string) => api.labelsWithPrefix(prefix, MAX_SUGGESTIONS).catch(() => null);

  useEffect(() => {
    if (!isOpen) return;
    let isCurrent = true;
    const timer = setTimeout(async () => {
      const found = await read(text.trim());
      if (!isCurrent) return;
      setSuggestions(found);
      setActive(text.trim() && found?.length ? 0 : -1);
    }, text ? TYPING_DELAY_MS : 0);
    return () => {
      isCurrent = false;
      clearTimeout(timer);
    };
  }, [text, isOpen]);

  return { suggestions, setSuggestions, active, setActive, read };
}

interface SuggestionListProperties {
  id: string;
  suggestions: LabelCount[] | null;
  active: number;
  isShown: boolean;
  onChoose: (label: string) => void;
}

function SuggestionList({ id, suggestions, active, isShown, onChoose }: SuggestionListProperties) {
  return (
    <ul id={`${id}-list`} class="suggestions" role="listbox" aria-label={strings.suggestions} hidden={!isShown}>
      {suggestions?.map(({ label, images }, index) => (
        <li
          key={label}
          id={`${id}-${index}`}
          role="option"
          aria-selected={index === active}
          onMouseDown={(event) => event.preventDefault()} // the field keeps the focus, so the list stays open
          onClick={() => onChoose(label)}
        >
          <span>
            <VisibleText text={label} />
          </span>{" "}
          <small>{strings.pictureCount(images)}</small>
        </li>
      ))}
    </ul>
  );
}
