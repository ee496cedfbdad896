import { useEffect, useState } from "preact/hooks";
import { EMPTY_SEARCH, showSearch } from "../address";
import type { Label } from "../api/documents";
import { quoted } from "../shared/hidden_characters";
import { Magnifier } from "../shared/icons";
import { VisibleText } from "../shared/visible_text";
import { strings } from "../strings";
import { labelHue } from "./label_hue";
import "./label_list.css";

export interface Highlight {
  /** The label under the pointer or the focus, or else the pinned label. Its boxes stand out. */
  label: string | null;
  pinned: string | null;
  setPointed: (label: string | null) => void;
  setPinned: (label: string | null) => void;
}

/** Keep the highlighted label of a picture. */
export function useHighlight(image: string): Highlight {
  const [pointed, setPointed] = useState<string | null>(null);
  const [pinned, setPinned] = useState<string | null>(null);
  useEffect(() => {
    setPointed(null);
    setPinned(null);
  }, [image]);
  return { label: pointed ?? pinned, pinned, setPointed, setPinned };
}

/** Shows the labels. Pointing at a label highlights its boxes; a click pins the highlight. */
export function LabelList({ labels, highlight }: { labels: Label[]; highlight: Highlight }) {
  const { pinned, setPointed, setPinned } = highlight;
  if (!labels.length) return null;
  return (
    <ul class="labels" aria-label={strings.labels}>
      {labels.map((label, index) => (
        <li
          key={label.name}
          style={{ "--hue": labelHue(index) }}
          onMouseEnter={() => setPointed(label.name)}
          onMouseLeave={() => setPointed(null)}
        >
          <button
            class="label"
            aria-pressed={pinned === label.name}
            onFocus={() => setPointed(label.name)}
            onBlur={() => setPointed(null)}
            onClick={() => setPinned(pinned === label.name ? null : label.name)}
          >
            <LabelText label={label} />
          </button>
          <SearchButton label={label.name} />
        </li>
      ))}
    </ul>
  );
}

function LabelText({ label: { name, confidence, parents, categories, instances } }: { label: Label }) {
  const boxes = instances.length ? strings.boxes(instances.length) : "";
  return (
    <>
      <span class="label-name">
        <VisibleText text={name} />
      </span> <span class="percent">{strings.percent(confidence)}</span>
      <span class="bar" aria-hidden="true">
        <span style={{ width: `${confidence}%` }} />
      </span>
      <small>{[strings.parents(parents), quoted(categories.join(", ")), boxes].filter(Boolean).join(" · ")}</small>
    </>
  );
}

function SearchButton({ label }: { label: string }) {
  const title = strings.searchFor(label);
  return (
    <button
      class="icon-button"
      aria-label={title}
      title={title}
      onClick={() => showSearch({ ...EMPTY_SEARCH, labels: [label] })}
    >
      <Magnifier />
    </button>
  );
}
