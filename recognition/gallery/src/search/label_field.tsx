import type { ComponentChildren } from "preact";
import type { Api } from "../api/api";
import { Cross } from "../shared/icons";
import { VisibleText } from "../shared/visible_text";
import { Combobox } from "./combobox";
import "./label_field.css";

interface Properties {
  api: Api;
  icon?: ComponentChildren;
  /** The field's name for screen readers. */
  name: string;
  hint: string;
  labels: string[];
  /** True if the search leaves out pictures with these labels. */
  isExcluding?: boolean;
  removeTitle: (label: string) => string;
  onChange: (labels: string[]) => void;
}

/** A field that holds labels. Typing adds a label; each label has a button that removes it. */
export function LabelField({ api, icon, name, hint, labels, isExcluding, removeTitle, onChange }: Properties) {
  const others = (label: string) => labels.filter((other) => other.toLowerCase() !== label.toLowerCase());
  return (
    <div class={isExcluding ? "label-field small" : "label-field"}>
      {icon}
      {labels.map((label) => (
        <span key={label} class={isExcluding ? "chip excluded" : "chip"}>
          <span>
            <VisibleText text={label} />
          </span>
          <button
            type="button"
            aria-label={removeTitle(label)}
            title={removeTitle(label)}
            onClick={() => onChange(others(label))}
          >
            <Cross />
          </button>
        </span>
      ))}
      <Combobox
        api={api}
        name={name}
        hint={hint}
        onChoose={(label) => onChange([...others(label), label])}
        onErase={() => onChange(labels.slice(0, -1))}
      />
    </div>
  );
}
