import { useEffect, useId, useRef, useState } from "preact/hooks";
import type { Api, LabelCount } from "./api";
import { strings } from "./strings";

const QUIET = 120; // ms without a keystroke
const MOST = 8;

interface Properties {
  api: Api;
  name: string;
  hint: string;
  onChoose: (label: string) => void;
  /** Asked for by Backspace in an empty field. */
  onErase: () => void;
}

/**
 * A field for a label that suggests those there are, and selects the first: Enter accepts it. After Escape, Enter takes
 * what was typed. https://www.w3.org/WAI/ARIA/apg/patterns/combobox/
 */
export function Combobox({ api, name, hint, onChoose, onErase }: Properties) {
  const id = useId();
  const field = useRef<HTMLInputElement>(null);
  const [text, setText] = useState("");
  const [options, setOptions] = useState<LabelCount[] | null>(null); // none are known yet
  const [active, setActive] = useState(-1);
  const [isOpen, setOpen] = useState(false);

  useEffect(() => {
    if (!isOpen) return;
    let isWanted = true;
    const timer = setTimeout(async () => {
      const found = await suggestions(text.trim());
      if (!isWanted) return;
      setOptions(found);
      setActive(text.trim() && found?.length ? 0 : -1);
    }, text ? QUIET : 0);
    return () => {
      isWanted = false;
      clearTimeout(timer);
    };
  }, [text, isOpen]);

  /** The first labels that begin like this; null when they cannot be read. */
  const suggestions = (prefix: string) => api.labels(prefix, MOST).catch(() => null);

  function choose(label: string) {
    if (!label.trim()) return;
    setText("");
    setOpen(false);
    setOptions(null);
    onChoose(label.trim());
    field.current?.focus();
  }

  /** Accept what is selected. What is not suggested yet is asked for: it was typed fast. */
  async function accept() {
    const selected = isOpen && active >= 0 ? options?.[active] : undefined;
    if (selected || !isOpen || !text.trim()) return choose(selected?.label ?? text);
    const found = await suggestions(text.trim());
    if (field.current?.value === text) choose(found?.[0]?.label ?? text);
  }

  function onKeyDown(event: KeyboardEvent) {
    if (event.isComposing || event.keyCode === 229) return; // the keys are an input method's; 229 is Safari's sign
    const last = (options?.length ?? 0) - 1;
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      setOpen(true);
      const step = event.key === "ArrowDown" ? 1 : -1;
      setActive(active + step > last ? 0 : active + step < 0 ? last : active + step);
    } else if (event.key === "Enter") {
      event.preventDefault();
      void accept();
    } else if (event.key === "Escape" && isOpen) {
      event.preventDefault();
      setOpen(false);
    } else if (event.key === "Backspace" && !text) {
      onErase();
    }
  }

  const isShown = isOpen && options !== null && options.length > 0;
  const isMissing = isOpen && options?.length === 0 && text.trim() !== "";
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
          setActive(-1); // what is shown is for what was typed before
          setOpen(true);
        }}
        onClick={() => setOpen(true)}
        onFocus={() => text && setOpen(true)}
        onBlur={() => setOpen(false)}
        onKeyDown={onKeyDown}
      />
      <ul id={`${id}-list`} class="options" role="listbox" aria-label={strings.suggestions} hidden={!isShown}>
        {options?.map(({ label, images }, index) => (
          <li
            key={label}
            id={`${id}-${index}`}
            role="option"
            aria-selected={index === active}
            onMouseDown={(event) => event.preventDefault()} // or the field would lose the focus, and the list close
            onClick={() => choose(label)}
          >
            <span>{label}</span> <small>{strings.images(images)}</small>
          </li>
        ))}
      </ul>
      <p class={isMissing ? "options none" : "unseen"} role="status">
        {isMissing ? strings.noSuggestion(text.trim()) : isShown ? strings.suggestionsFound(options.length) : ""}
      </p>
    </div>
  );
}
