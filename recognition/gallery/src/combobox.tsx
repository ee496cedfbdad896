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

/** A field for a label that suggests those there are: https://www.w3.org/WAI/ARIA/apg/patterns/combobox/ */
export function Combobox({ api, name, hint, onChoose, onErase }: Properties) {
  const id = useId();
  const field = useRef<HTMLInputElement>(null);
  const [text, setText] = useState("");
  const [options, setOptions] = useState<LabelCount[]>([]);
  const [active, setActive] = useState(-1);
  const [isOpen, setOpen] = useState(false);

  useEffect(() => {
    if (!isOpen) return;
    let isWanted = true;
    const timer = setTimeout(async () => {
      const found = await api.labels(text.trim(), MOST).catch(() => []); // it is typed without help then
      if (!isWanted) return;
      setOptions(found);
      setActive(-1);
    }, text ? QUIET : 0);
    return () => {
      isWanted = false;
      clearTimeout(timer);
    };
  }, [text, isOpen]);

  function choose(label: string) {
    if (!label.trim()) return;
    setText("");
    setOpen(false);
    setOptions([]);
    onChoose(label.trim());
    field.current?.focus();
  }

  function onKeyDown(event: KeyboardEvent) {
    const last = options.length - 1;
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      setOpen(true);
      const step = event.key === "ArrowDown" ? 1 : -1;
      setActive(active + step > last ? 0 : active + step < 0 ? last : active + step);
    } else if (event.key === "Enter") {
      event.preventDefault();
      choose(isOpen && active >= 0 ? (options[active]?.label ?? text) : text);
    } else if (event.key === "Escape" && isOpen) {
      event.preventDefault();
      setOpen(false);
    } else if (event.key === "Backspace" && !text) {
      onErase();
    }
  }

  const isShown = isOpen && options.length > 0;
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
          setOpen(true);
        }}
        onClick={() => setOpen(true)}
        onBlur={() => setOpen(false)}
        onKeyDown={onKeyDown}
      />
      <ul id={`${id}-list`} class="options" role="listbox" aria-label={strings.suggestions} hidden={!isShown}>
        {options.map(({ label, images }, index) => (
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
      <span class="unseen" role="status">
        {isShown ? strings.suggestionsFound(options.length) : ""}
      </span>
    </div>
  );
}
