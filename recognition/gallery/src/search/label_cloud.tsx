import { useEffect, useState } from "preact/hooks";
import { EMPTY_SEARCH, labelTerm, showSearch } from "../address";
import type { Api } from "../api/api";
import type { LabelCount } from "../api/documents";
import { VisibleText } from "../shared/visible_text";
import { strings } from "../strings";
import "./label_cloud.css";

const MAX_LABELS = 36;

/** Shows the most frequent labels. A new `version` reads the counts again. */
export function LabelCloud({ api, version }: { api: Api; version: number }) {
  const [counts, setCounts] = useState<LabelCount[]>([]);
  useEffect(() => {
    let isCurrent = true;
    api.allLabels().then(
      (counts) => isCurrent && setCounts(counts),
      () => {}, // the page works without the cloud
    );
    return () => {
      isCurrent = false;
    };
  }, [version]);
  const frequent = counts.toSorted((a, b) => b.images - a.images).slice(0, MAX_LABELS);
  if (!frequent.length) return null;
  const weight = weightBetween(frequent.at(-1)!.images, frequent[0]!.images);
  return (
    <nav class="label-cloud" aria-label={strings.cloud}>
      <ul>
        {frequent
          .toSorted((a, b) => a.label.localeCompare(b.label))
          .map((count) => (
            <li key={count.label} style={{ "--weight": weight(count.images).toFixed(2) }}>
              <LabelLink {...count} />
            </li>
          ))}
      </ul>
    </nav>
  );
}

function LabelLink({ label, images }: LabelCount) {
  function onClick(event: MouseEvent) {
    if (event.ctrlKey || event.metaKey || event.shiftKey) return; // the browser opens another tab
    event.preventDefault();
    showSearch({ ...EMPTY_SEARCH, terms: [labelTerm(label)] });
  }
  return (
    <a href={`?label=${encodeURIComponent(label)}`} aria-label={strings.cloudEntry(label, images)} onClick={onClick}>
      <VisibleText text={label} /> <small>{strings.number(images)}</small>
    </a>
  );
}

/** Return a function that maps the lowest count to 0 and the highest to 1, on a logarithmic scale. */
function weightBetween(lowest: number, highest: number): (images: number) => number {
  const [bottom, top] = [Math.log(lowest + 1), Math.log(highest + 1)];
  return (images) => (Math.log(images + 1) - bottom) / (top - bottom || 1);
}
