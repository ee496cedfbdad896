import { useEffect, useState } from "preact/hooks";
import { ask, close, NOTHING, opened, search } from "./address";
import { announce, Announcements } from "./announce";
import type { Api, LabelCount, Search } from "./api";
import type { Deletions } from "./deletions";
import { Grid } from "./grid";
import { Mark, Picture, Plus, SignOut } from "./icons";
import { KeyForm } from "./key_form";
import { nearest } from "./nearest";
import type { Pictures } from "./pictures";
import { Cloud, Refinements, SearchBar } from "./search_bar";
import { strings } from "./strings";
import { Toasts } from "./toasts";
import { AddDialog, DropZone, UploadPanel } from "./upload_panel";
import type { Uploads } from "./uploads";
import { Viewer } from "./viewer";

const OFTEN = 8_000; // ms between looks for new pictures
const RARELY = 60_000;
const OFFERED = 5; // labels, where one is unknown
const TOP = 300; // px that one may have scrolled, for new pictures to be shown at once

export interface Services {
  api: Api;
  pictures: Pictures;
  uploads: Uploads;
  deletions: Deletions;
}

/** The page. */
export function Gallery(services: Services) {
  return services.api.needsKey.value === "no" ? <Opened {...services} /> : <KeyForm api={services.api} />;
}

function Opened(services: Services) {
  const { api, pictures, uploads, deletions } = services;
  const [isAdding, setAdding] = useState(false);
  const [news, setNews] = useState(0); // how often there was something new
  const wanted = search.value;
  const isSearch = wanted.labels.length > 0;

  useEffect(() => {
    scrollTo(0, 0);
    void pictures.show(wanted);
  }, [wanted]);
  useEffect(() => {
    const what = opened.value ?? wanted.labels.join(", ");
    document.title = what ? strings.titleOf(what) : strings.title;
  }, [wanted, opened.value]);
  useEffect(() => lookForNews(pictures, () => setNews((times) => times + 1)), []);
  useEffect(() => {
    function onKeyDown(event: KeyboardEvent) {
      if (event.key !== "/" || opened.value !== null || event.target instanceof HTMLInputElement) return;
      event.preventDefault();
      document.querySelector<HTMLInputElement>(".search input")?.focus();
    }
    document.addEventListener("keydown", onKeyDown);
    return () => document.removeEventListener("keydown", onKeyDown);
  }, []);

  return (
    <>
      <a class="skip" href="#pictures" onClick={skip}>
        {strings.skip}
      </a>
      <header>
        <a
          class="brand"
          href={location.pathname}
          aria-label={strings.home}
          onClick={(event) => {
            event.preventDefault();
            ask(NOTHING);
          }}
        >
          <Mark /> <span>{strings.title}</span>
        </a>
        <SearchBar api={api} />
        <button class="primary add-button" aria-label={strings.add} onClick={() => setAdding(true)}>
          <Plus /> <span>{strings.add}</span>
        </button>
        {api.hasKeys && (
          <button
            class="icon-button"
            aria-label={strings.signOut}
            title={strings.signOutAbout}
            onClick={() => api.signOut()}
          >
            <SignOut />
          </button>
        )}
      </header>
      <main>
        <h1 class="unseen">{strings.pictures}</h1>
        {isSearch ? <Refinements api={api} /> : <Cloud api={api} version={news} />}
        {pictures.news.value > 0 && (
          <button
            class="news primary"
            onClick={() => {
              pictures.showNews();
              scrollTo(0, 0);
            }}
          >
            {strings.news(pictures.news.value)}
          </button>
        )}
        <Grid {...services} />
        <State api={api} pictures={pictures} isSearch={isSearch} uploads={uploads} />
      </main>
      <footer id="grid-keys">{strings.gridKeys}</footer>
      <div class="corner">
        {opened.value === null && <Toasts deletions={deletions} />}
        <UploadPanel uploads={uploads} />
      </div>
      {opened.value === null ? (
        <Announcements />
      ) : (
        <Viewer {...services} image={opened.value}>
          <div class="corner">
            <Toasts deletions={deletions} />
          </div>
          <Announcements />
        </Viewer>
      )}
      {isAdding && <AddDialog uploads={uploads} onClose={() => setAdding(false)} />}
      <DropZone
        uploads={uploads}
        onTaken={() => {
          // What becomes of it is said behind the dialogs.
          setAdding(false);
          if (opened.value !== null) close();
        }}
      />
    </>
  );
}

interface StateProperties {
  api: Api;
  pictures: Pictures;
  isSearch: boolean;
  uploads: Uploads;
}

/** The state of the list as a whole: loading, failed or empty. */
function State({ api, pictures, isSearch, uploads }: StateProperties) {
  const count = pictures.shown.value.length;
  const isLoading = pictures.isLoading.value;
  const problem = pictures.problem.value;
  const hasMore = pictures.hasMore.value;
  useEffect(() => {
    if (!isLoading && !problem) announce(hasMore ? strings.loadedSoFar(count) : strings.loaded(count));
  }, [isLoading, count]);

  if (problem) {
    return (
      <div class="state" role="alert">
        <p class="problem">{strings.problem(problem)}</p>
        <button class="primary" onClick={() => void (count ? pictures.more() : pictures.show(search.peek()))}>
          {strings.again}
        </button>
      </div>
    );
  }
  if (isLoading) return <p class="state loading">{strings.loading}</p>;
  if (count || pictures.awaited.value.size || uploads.all.value.some((upload) => !upload.isOver)) return null;
  return (
    <div class="state empty">
      <Picture />
      <h2>{isSearch ? strings.nothingFound : strings.nothing}</h2>
      {isSearch ? <NothingFound api={api} wanted={search.value} /> : <p>{strings.nothingAbout}</p>}
    </div>
  );
}

/** Says why a search finds nothing. For a label that no picture has, offers others. */
function NothingFound({ api, wanted }: { api: Api; wanted: Search }) {
  const [counts, setCounts] = useState<LabelCount[] | null>(null);
  useEffect(() => {
    let isWanted = true;
    api.allLabels().then(
      (found) => isWanted && setCounts(found),
      () => {}, // it is said without labels
    );
    return () => {
      isWanted = false;
    };
  }, [wanted]);
  const known = counts && new Set(counts.map(({ label }) => label.toLowerCase()));
  const unknown = wanted.labels.filter((label) => known && !known.has(label.toLowerCase()));
  if (!unknown.length) return <p>{strings.nothingFoundAbout}</p>;
  return (
    <>
      {unknown.map((label) => (
        <Unknown key={label} label={label} counts={counts!} wanted={wanted} />
      ))}
    </>
  );
}

function Unknown({ label, counts, wanted }: { label: string; counts: LabelCount[]; wanted: Search }) {
  const near = nearest(label, counts.map((count) => count.label), OFFERED);
  const frequent = counts.toSorted((a, b) => b.images - a.images).slice(0, OFFERED).map((count) => count.label);
  const words = strings.unknownLabel(label);
  useEffect(() => announce(words), [words]);
  return (
    <div class="unknown">
      <p>{words}</p>
      {counts.length > 0 && <p>{near.length ? strings.nearestLabels : strings.frequentLabels}</p>}
      {(near.length ? near : frequent).map((other) => (
        <button
          key={other}
          class="quiet"
          onClick={() => ask({ ...wanted, labels: wanted.labels.map((one) => (one === label ? other : one)) })}
        >
          {other}
        </button>
      ))}
    </div>
  );
}

/** Look now and then, ever more rarely while nothing happens, and not while nobody looks. Returns what ends it. */
function lookForNews(pictures: Pictures, onNews: () => void): () => void {
  let wait = OFTEN;
  let timer = setTimeout(look, wait);
  async function look() {
    clearTimeout(timer);
    if (!document.hidden) {
      const count = await pictures.refresh(scrollY < TOP).catch(() => 0); // the next look may work
      wait = count ? OFTEN : Math.min(wait * 1.3, RARELY);
      if (count) {
        announce(strings.newsToSay(count));
        onNews();
      }
    }
    clearTimeout(timer);
    if (!isOver) timer = setTimeout(look, wait);
  }
  function onVisible() {
    if (document.hidden) return;
    wait = OFTEN;
    void look();
  }
  let isOver = false;
  document.addEventListener("visibilitychange", onVisible);
  return () => {
    isOver = true;
    clearTimeout(timer);
    document.removeEventListener("visibilitychange", onVisible);
  };
}

function skip(event: MouseEvent) {
  event.preventDefault(); // the fragment is the open picture's
  document.querySelector<HTMLElement>(".grid .tile[tabindex='0']")?.focus();
}
