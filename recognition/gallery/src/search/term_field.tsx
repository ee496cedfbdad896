import type { ComponentChildren } from "preact";
import { termKey } from "../address";
import type { Api } from "../api/api";
import type { Term } from "../api/documents";
import { Cross } from "../shared/icons";
import { VisibleText } from "../shared/visible_text";
import { strings } from "../strings";
import { Combobox } from "./combobox";
import "./term_field.css";

interface Properties {
  api: Api;
  icon?: ComponentChildren;
  /** The field's name for screen readers. */
  name: string;
  hint: string;
  terms: Term[];
  /** True if the search leaves out pictures with these labels. */
  isExcluding?: boolean;
  removeTitle: (name: string) => string;
  onChange: (terms: Term[]) => void;
}

/** A field that holds terms. Typing adds a term; each term has a button that removes it. */
export function TermField({ api, icon, name, hint, terms, isExcluding, removeTitle, onChange }: Properties) {
  const others = (term: Term) => terms.filter((other) => termKey(other) !== termKey(term));
  return (
    <div class={isExcluding ? "term-field small" : "term-field"}>
      {icon}
      {terms.map((term) => {
        const title = removeTitle(strings.term(term.kind, term.name));
        return (
          <span key={termKey(term)} class={isExcluding ? "chip excluded" : "chip"}>
            <span>
              {term.kind !== "label" && <span class="kind">{strings.kinds[term.kind]}:</span>}
              <VisibleText text={term.name} />
            </span>
            <button type="button" aria-label={title} title={title} onClick={() => onChange(others(term))}>
              <Cross />
            </button>
          </span>
        );
      })}
      <Combobox
        api={api}
        name={name}
        hint={hint}
        isOnlyLabels={isExcluding}
        onChoose={(term) => onChange([...others(term), term])}
        onErase={() => onChange(terms.slice(0, -1))}
      />
    </div>
  );
}
