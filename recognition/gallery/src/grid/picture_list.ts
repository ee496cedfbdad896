import { batch, computed, effect, signal } from "@preact/signals";
import type { Api } from "../api/api";
import type { ListEntry, Page, SearchQuery } from "../api/documents";
import { errorMessage } from "../api/http";
import { pause } from "../shared/pause";

const PAGE_SIZE = 200;
const NEWEST_SIZE = 100;
const LISTING_PAUSE_MS = 1000;
const MAX_LISTING_CHECKS = 60;
const URL_SECONDS = 240; // the service signs the thumbnails' URLs for 300

/** A list entry, and the time when the page received the URL of its thumbnail. */
export interface GridEntry extends ListEntry {
  receivedAt: number;
}

type Version = Pick<ListEntry, "image" | "uploaded_at">;

/** Holds the pictures of the grid: the results of the search, or all pictures, newest first, as far as loaded. */
export class PictureList {
  readonly loaded = signal<GridEntry[]>([]);
  readonly isLoading = signal(true);
  readonly problem = signal<string | null>(null);
  /** The number of new pictures that the grid does not show yet, because the reader is further down. */
  readonly newCount = signal(0);
  /** Names and upload times of the pictures deleted here. The service may list them for a while. */
  readonly hidden = signal<ReadonlyMap<string, string>>(new Map());
  /** Names and upload times of the pictures added here that the service does not list yet. */
  readonly unlisted = signal<ReadonlyMap<string, string>>(new Map());
  readonly visible = computed(() => this.loaded.value.filter((e) => this.hidden.value.get(e.image) !== e.uploaded_at));
  readonly isSearch = signal(false);
  readonly hasMore = computed(() => this.nextPage.value !== null);

  private readonly nextPage = signal<string | null>(null);
  private query: SearchQuery | null = null;
  private newestPage: Page | null = null;
  private generation = 0; // increases with each search: answers to an earlier one are dropped
  private sentRefreshes = 0;
  private answeredRefresh = 0; // the latest refresh with an answer: answers to earlier ones are dropped
  private checksLeft = 0;

  constructor(private readonly api: Api) {
    effect(() => {
      const listed = new Map(this.loaded.value.map((entry) => [entry.image, entry.uploaded_at]));
      const unlisted = [...this.unlisted.value].filter(
        ([image, time]) => (listed.get(image) ?? "") < time && this.hidden.value.get(image) !== time,
      );
      if (unlisted.length < this.unlisted.value.size) this.unlisted.value = new Map(unlisted);
    });
  }

  /** Load the first results of a search, or the newest pictures if the search has no terms. */
  async show(query: SearchQuery): Promise<void> {
    this.generation++;
    this.query = query.terms.length ? query : null;
    this.newestPage = null;
    batch(() => {
      this.newCount.value = 0;
      this.loaded.value = [];
      this.isSearch.value = this.query !== null;
      this.nextPage.value = null;
      this.isLoading.value = false;
    });
    await this.load(() => (this.query ? this.api.search(this.query, PAGE_SIZE) : this.api.newest(PAGE_SIZE)));
  }

  /** Load the next page, if there is one. */
  async loadMore(): Promise<void> {
    const next = this.nextPage.value;
    if (next && !this.isLoading.value) await this.load(() => this.api.page(next));
  }

  private async load(read: () => Promise<Page>): Promise<void> {
    const { generation } = this;
    this.isLoading.value = true;
    this.problem.value = null;
    try {
      let page = await read();
      // An empty page of a search may have a next page.
      while (!page.entries.length && page.next && generation === this.generation) page = await this.api.page(page.next);
      if (generation !== this.generation) return;
      const known = new Set(this.loaded.value.map((entry) => entry.image));
      batch(() => {
        this.loaded.value = [...this.loaded.value, ...dated(page.entries).filter((entry) => !known.has(entry.image))];
        this.nextPage.value = page.next;
      });
    } catch (error) {
      if (generation === this.generation) this.problem.value = errorMessage(error);
    } finally {
      if (generation === this.generation) this.isLoading.value = false;
    }
  }

  /**
   * Read the newest pictures. Show them if `showNow` is true, or else count them in `newCount`. Returns the number of
   * pictures that are new since the last call.
   */
  async refresh(showNow: boolean): Promise<number> {
    if (this.query || this.isLoading.value) return 0;
    const { generation } = this;
    const refresh = ++this.sentRefreshes;
    const page = await this.api.newest(NEWEST_SIZE);
    if (generation !== this.generation || this.isLoading.value || refresh < this.answeredRefresh) return 0;
    this.answeredRefresh = refresh;
    const unseen = newVersions(page.entries, this.loaded.value);
    const sinceLastCall = newVersions(unseen, this.newestPage?.entries ?? []);
    this.newestPage = page;
    if (showNow || !unseen.length) this.showNew();
    else this.newCount.value = unseen.length;
    return sinceLastCall.length;
  }

  /** Keep the tile of a picture that was added here, and refresh until the service lists the picture. */
  waitUntilListed({ image, uploaded_at }: Version, showNow: () => boolean) {
    this.unlisted.value = new Map([...this.unlisted.value, [image, uploaded_at]]);
    const isChecking = this.checksLeft > 0;
    this.checksLeft = MAX_LISTING_CHECKS;
    if (!isChecking) void this.checkListing(showNow);
  }

  private async checkListing(showNow: () => boolean): Promise<void> {
    for (; this.checksLeft > 0; this.checksLeft--) {
      await this.refresh(showNow()).catch(() => 0); // the next refresh may work
      const listed = new Map(this.newestPage?.entries.map((entry) => [entry.image, entry.uploaded_at]));
      if ([...this.unlisted.value].every(([image, time]) => (listed.get(image) ?? "") >= time)) break;
      await pause(LISTING_PAUSE_MS);
    }
    if (!this.checksLeft) this.unlisted.value = new Map(); // somebody may have deleted the picture
    this.checksLeft = 0;
  }

  /** Replace the top of the grid by the newest page. */
  showNew() {
    const page = this.newestPage;
    if (!page) return;
    this.newestPage = null;
    const names = new Set(page.entries.map((entry) => entry.image));
    const oldest = page.entries.at(-1)?.uploaded_at ?? "";
    const overlaps = this.loaded.value.some((entry) => names.has(entry.image));
    // Start again if there are pictures between the page and the loaded ones, or if the page holds all pictures.
    const startAgain = !page.next || !overlaps;
    const rest = this.loaded.value.filter((entry) => !names.has(entry.image) && entry.uploaded_at <= oldest);
    batch(() => {
      this.newCount.value = 0;
      if (startAgain) this.nextPage.value = page.next;
      const entries = this.keepUrls(page.entries);
      this.loaded.value = startAgain ? entries : [...entries, ...rest];
    });
  }

  /** Keep the loaded entries that did not change: the browser would load a thumbnail with a new URL again. */
  private keepUrls(entries: ListEntry[]): GridEntry[] {
    const loaded = new Map(this.loaded.value.map((entry) => [entry.image, entry]));
    return dated(entries).map((entry) => {
      const same = loaded.get(entry.image);
      const isSame = same?.uploaded_at === entry.uploaded_at && same.labels.length === entry.labels.length;
      return same && isSame && !isUrlExpired(same) ? same : entry;
    });
  }

  hide({ image, uploaded_at }: Version) {
    this.hidden.value = new Map([...this.hidden.value, [image, uploaded_at]]);
  }

  unhide(image: string) {
    this.hidden.value = new Map([...this.hidden.value].filter(([name]) => name !== image));
  }
}

/** Return true if the URL of the thumbnail may have expired. */
export const isUrlExpired = (entry: Pick<GridEntry, "receivedAt">) =>
  Date.now() - entry.receivedAt > URL_SECONDS * 1000;

const dated = (entries: ListEntry[]): GridEntry[] => entries.map((entry) => ({ ...entry, receivedAt: Date.now() }));

/** Return the entries that `others` lacks or holds in another version. */
function newVersions(entries: ListEntry[], others: ListEntry[]): ListEntry[] {
  const known = new Map(others.map((entry) => [entry.image, entry.uploaded_at]));
  return entries.filter((entry) => known.get(entry.image) !== entry.uploaded_at);
}
