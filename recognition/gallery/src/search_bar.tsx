import { useEffect, useState } from "preact/hooks";
import { ask, NOTHING, search } from "./address";
import type { Api, LabelCount, Search } from "./api";
import { Combobox } from "./combobox";
import { Cross, Loupe } from "./icons";
import { strings } from "./strings";

const QUIET = 300; // ms without a move of the slider
const CLOUD_SHOWS = 36;

const without = (labels: string[], label: string) => labels.filter((other) => other !== label);
const plus = (labels: string[], label: string) => [
  ...labels.filter((other) => other.toLowerCase() !== label.toLowerCase()),
  label,
];

/** What is searched, to be changed: each change is a new address. */
export function SearchBar({ api }: { api: Api }) {
  const now = search.value;
  const change = (part: Partial<Search>) => ask({ ...search.peek(), ...part });
  return (
    <div class="search" role="search">
      <div class="field">
        <Loupe />
        {now.labels.map((label) => (
          <Chip
            key={label}
            label={label}
            title={strings.removeLabel(label)}
            onRemove={() => change({ labels: without(now.labels, label) })}
          />
        ))}
        <Combobox
          api={api}
          name={strings.search}
          hint={now.labels.length ? strings.searchMore : strings.searchHint}
          onChoose={(label) => change({ labels: plus(now.labels, label) })}
          onErase={() => change({ labels: now.labels.slice(0, -1) })}
        />
      </div>
    </div>
  );
}

/** How the labels count; there is nothing to say of that until there is one. */
export function Refinements({ api }: { api: Api }) {
  const now = search.value;
  const change = (part: Partial<Search>) => ask({ ...search.peek(), ...part });
  return (
    <div class="refinements">
      <fieldset class="switch">
        <legend>{strings.match}</legend>
        {(["all", "any"] as const).map((match) => (
          <label key={match}>
            <input
              type="radio"
              name="match"
              aria-label={match === "all" ? strings.allLabels : strings.anyLabels}
              checked={now.match === match}
              onChange={() => change({ match })}
            />
            <span>{strings[match]}</span>
          </label>
        ))}
      </fieldset>
      <Confidence value={now.confidence} onChange={(confidence) => change({ confidence })} />
      <div class="field small">
        {now.exclude.map((label) => (
          <Chip
            key={label}
            label={label}
            isExcluded
            title={strings.removeExcluded(label)}
            onRemove={() => change({ exclude: without(now.exclude, label) })}
          />
        ))}
        <Combobox
          api={api}
          name={strings.exclude}
          hint={strings.excludeHint}
          onChoose={(label) => change({ exclude: plus(now.exclude, label) })}
          onErase={() => change({ exclude: now.exclude.slice(0, -1) })}
        />
      </div>
      <button class="quiet" onClick={() => ask(NOTHING)}>
        {strings.clear}
      </button>
    </div>
  );
}

function Chip(properties: { label: string; title: string; isExcluded?: boolean; onRemove: () => void }) {
  const { label, title, isExcluded, onRemove } = properties;
  return (
    <span class={isExcluded ? "chip excluded" : "chip"}>
      <span>{label}</span>
      <button type="button" aria-label={title} title={title} onClick={onRemove}>
        <Cross />
      </button>
    </span>
  );
}

function Confidence({ value, onChange }: { value: number; onChange: (value: number) => void }) {
  const [shown, setShown] = useState(value);
  useEffect(() => setShown(value), [value]); // as the address says, when one goes back
  useEffect(() => {
    if (shown === value) return;
    const timer = setTimeout(() => onChange(shown), QUIET);
    return () => clearTimeout(timer);
  }, [shown, value]);
  const words = shown ? strings.atLeast(shown) : strings.anyConfidence;
  return (
    <label class="slider">
      <span>{strings.confidence}</span>
      <input
        type="range"
        min="0"
        max="100"
        value={shown}
        aria-valuetext={words}
        onInput={(event) => setShown(Number(event.currentTarget.value))}
      />
      <output>{words}</output>
    </label>
  );
}

/** The labels that most pictures have, as the way in. */
export function Cloud({ api, version }: { api: Api; version: number }) {
  const [counts, setCounts] = useState<LabelCount[]>([]);
  useEffect(() => {
    let isWanted = true;
    api.allLabels().then(
      (found) => isWanted && setCounts(found),
      () => {}, // the pictures are there without it
    );
    return () => {
      isWanted = false;
    };
  }, [version]);
  const most = counts.toSorted((a, b) => b.images - a.images).slice(0, CLOUD_SHOWS);
  if (!most.length) return null;
  const [highest, lowest] = [Math.log(most[0]!.images + 1), Math.log(most.at(-1)!.images + 1)];
  const weight = (images: number) => (Math.log(images + 1) - lowest) / (highest - lowest || 1);
  return (
    <nav class="cloud" aria-label={strings.cloud}>
      <ul>
        {most
          .toSorted((a, b) => a.label.localeCompare(b.label))
          .map(({ label, images }) => (
            <li key={label} style={{ "--weight": weight(images).toFixed(2) }}>
              <a
                href={`?label=${encodeURIComponent(label)}`}
                aria-label={strings.cloudEntry(label, images)}
                onClick={(event) => {
                  if (event.ctrlKey || event.metaKey || event.shiftKey) return;
                  event.preventDefault();
                  ask({ ...NOTHING, labels: [label] });
                }}
              >
                {label} <small>{strings.number(images)}</small>
              </a>
            </li>
          ))}
      </ul>
    </nav>
  );
}
