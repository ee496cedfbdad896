import { useEffect, useState } from "preact/hooks";
import { currentSearch, EMPTY_SEARCH, labelTerm, showSearch } from "../address";
import type { Api } from "../api/api";
import type { SearchQuery } from "../api/documents";
import { strings } from "../strings";
import { TermField } from "./term_field";
import "./refinements.css";

const SLIDER_DELAY_MS = 300;

/** Narrows a search that has terms. Each change becomes a new address. */
export function Refinements({ api }: { api: Api }) {
  const { match, confidence, exclude } = currentSearch.value;
  const change = (part: Partial<SearchQuery>) => showSearch({ ...currentSearch.peek(), ...part });
  return (
    <div class="refinements">
      <MatchSwitch value={match} onChange={(match) => change({ match })} />
      <ConfidenceSlider value={confidence} onChange={(confidence) => change({ confidence })} />
      <TermField
        api={api}
        isExcluding
        name={strings.exclude}
        hint={strings.excludeHint}
        terms={exclude.map(labelTerm)}
        removeTitle={strings.removeExcluded}
        onChange={(terms) => change({ exclude: terms.map(({ name }) => name) })}
      />
      <button class="text-button" onClick={() => showSearch(EMPTY_SEARCH)}>
        {strings.clear}
      </button>
    </div>
  );
}

type Match = SearchQuery["match"];

function MatchSwitch({ value, onChange }: { value: Match; onChange: (value: Match) => void }) {
  return (
    <fieldset class="match-switch">
      <legend>{strings.match}</legend>
      {(["all", "any"] as const).map((match) => (
        <label key={match}>
          <input
            type="radio"
            name="match"
            aria-label={match === "all" ? strings.allLabels : strings.anyLabels}
            checked={match === value}
            onChange={() => onChange(match)}
          />
          <span>{strings[match]}</span>
        </label>
      ))}
    </fieldset>
  );
}

/** Reports the confidence when the slider has not moved for a while. */
function ConfidenceSlider({ value, onChange }: { value: number; onChange: (value: number) => void }) {
  const [shown, setShown] = useState(value);
  useEffect(() => setShown(value), [value]); // the Back button changes the value
  useEffect(() => {
    if (shown === value) return;
    const timer = setTimeout(() => onChange(shown), SLIDER_DELAY_MS);
    return () => clearTimeout(timer);
  }, [shown, value]);
  const text = shown ? strings.atLeast(shown) : strings.anyConfidence;
  return (
    <label class="slider">
      <span>{strings.confidence}</span>
      <input
        type="range"
        min="0"
        max="100"
        value={shown}
        aria-valuetext={text}
        onInput={(event) => setShown(Number(event.currentTarget.value))}
      />
      <output>{text}</output>
    </label>
  );
}
