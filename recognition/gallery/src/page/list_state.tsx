import { useEffect, useState } from "preact/hooks";
import { currentSearch, labelTerm, showSearch } from "../address";
import type { Api } from "../api/api";
import type { LabelCount, SearchQuery, Term } from "../api/documents";
import type { PictureList } from "../grid/picture_list";
import { nearestLabels } from "../search/nearest_labels";
import { announce } from "../shared/announcements";
import { PictureFrame } from "../shared/icons";
import { VisibleText } from "../shared/visible_text";
import { strings } from "../strings";
import type { Uploads } from "../uploads/uploads";
import "./list_state.css";

const MAX_OFFERS = 5;

interface Properties {
  api: Api;
  pictures: PictureList;
  isSearch: boolean;
  uploads: Uploads;
}

/** Says that the list is loading, failed to load or is empty. */
export function ListState({ api, pictures, isSearch, uploads }: Properties) {
  const count = pictures.visible.value.length;
  const isLoading = pictures.isLoading.value;
  const problem = pictures.problem.value;
  const hasMore = pictures.hasMore.value;
  useEffect(() => {
    if (!isLoading && !problem) announce(hasMore ? strings.loadedSoFar(count) : strings.loaded(count));
  }, [isLoading, count]);

  if (problem) {
    const retry = () => void (count ? pictures.loadMore() : pictures.show(currentSearch.peek()));
    return (
      <div class="list-state" role="alert">
        <p class="problem">{strings.problem(problem)}</p>
        <button class="primary-button" onClick={retry}>
          {strings.tryAgain}
        </button>
      </div>
    );
  }
  if (isLoading) return <p class="list-state note">{strings.loading}</p>;
  if (count || pictures.unlisted.value.size || uploads.all.value.some((upload) => !upload.isOver)) return null;
  return (
    <div class="list-state empty">
      <PictureFrame />
      <h2>{isSearch ? strings.nothingFound : strings.noPictures}</h2>
      {isSearch ? <NothingFound api={api} query={currentSearch.value} /> : <p>{strings.noPicturesHint}</p>}
    </div>
  );
}

/** Says why a search finds nothing. Offers other labels for each label that no picture has. */
function NothingFound({ api, query }: { api: Api; query: SearchQuery }) {
  const [counts, setCounts] = useState<LabelCount[] | null>(null);
  useEffect(() => {
    let isCurrent = true;
    api.allLabels().then(
      (counts) => isCurrent && setCounts(counts),
      () => {}, // the page shows the general text
    );
    return () => {
      isCurrent = false;
    };
  }, [query]);
  const known = counts && new Set(counts.map(({ label }) => label.toLowerCase()));
  const labels = query.terms.filter(({ kind }) => kind === "label").map(({ name }) => name);
  const unknown = labels.filter((label) => known && !known.has(label.toLowerCase()));
  if (!unknown.length) return <p>{strings.nothingFoundHint}</p>;
  return (
    <>
      {unknown.map((label) => (
        <UnknownLabel key={label} label={label} counts={counts!} query={query} />
      ))}
    </>
  );
}

function UnknownLabel({ label, counts, query }: { label: string; counts: LabelCount[]; query: SearchQuery }) {
  const nearest = nearestLabels(label, counts.map((count) => count.label), MAX_OFFERS);
  const frequent = counts.toSorted((a, b) => b.images - a.images).slice(0, MAX_OFFERS).map((count) => count.label);
  const text = strings.unknownLabel(label);
  useEffect(() => announce(text), [text]);
  const isSame = ({ kind, name }: Term) => kind === "label" && name === label;
  const searchInstead = (offer: string) =>
    showSearch({ ...query, terms: query.terms.map((term) => (isSame(term) ? labelTerm(offer) : term)) });
  return (
    <div class="unknown-label">
      <p>{text}</p>
      {counts.length > 0 && <p>{nearest.length ? strings.similarLabels : strings.frequentLabels}</p>}
      {(nearest.length ? nearest : frequent).map((offer) => (
        <button key={offer} class="text-button" onClick={() => searchInstead(offer)}>
          <VisibleText text={offer} />
        </button>
      ))}
    </div>
  );
}
