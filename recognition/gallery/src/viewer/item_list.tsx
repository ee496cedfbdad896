import { EMPTY_SEARCH, showSearch } from "../address";
import type { Term } from "../api/documents";
import { Magnifier } from "../shared/icons";
import { VisibleText } from "../shared/visible_text";
import { strings } from "../strings";
import type { FoundItem } from "./found_items";
import type { Highlight } from "./highlight";
import "./item_list.css";

interface Properties {
  name: string;
  items: FoundItem[];
  highlight: Highlight;
}

/** Shows what was found. Pointing at an item highlights its places; a click pins the highlight. */
export function ItemList({ name, items, highlight }: Properties) {
  const { pinned, setPointed, setPinned } = highlight;
  if (!items.length) return null;
  return (
    <ul class="labels" aria-label={name}>
      {items.map((item) => (
        <li
          key={item.key}
          style={{ "--hue": item.hue }}
          onMouseEnter={() => setPointed(item.key)}
          onMouseLeave={() => setPointed(null)}
        >
          <button
            class="label"
            aria-pressed={pinned === item.key}
            onFocus={() => setPointed(item.key)}
            onBlur={() => setPointed(null)}
            onClick={() => setPinned(pinned === item.key ? null : item.key)}
          >
            <ItemText item={item} />
          </button>
          {item.term && <SearchButton term={item.term} />}
        </li>
      ))}
    </ul>
  );
}

function ItemText({ item: { name, confidence, note } }: { item: FoundItem }) {
  return (
    <>
      <span class="label-name">
        <VisibleText text={name} />
      </span> <span class="percent">{strings.percent(confidence)}</span>
      <span class="bar" aria-hidden="true">
        <span style={{ width: `${confidence}%` }} />
      </span>
      <small>{note}</small>
    </>
  );
}

function SearchButton({ term }: { term: Term }) {
  const title = strings.searchFor(strings.term(term.kind, term.name));
  return (
    <button
      class="icon-button"
      aria-label={title}
      title={title}
      onClick={() => showSearch({ ...EMPTY_SEARCH, terms: [term] })}
    >
      <Magnifier />
    </button>
  );
}
