/** The pictures of the grid: those of the search, or all of them, newest first, as far as they were loaded. */

import { batch, computed, effect, signal } from "@preact/signals";
import { type Api, type Entry, inWords, type Page, pause, type Search } from "./api";

const PAGE = 200;
const NEWS = 100;
const CATCH_UP = 1000; // ms between looks for what was added here
const CATCH_UP_LOOKS = 60;
const ADDRESS_SECONDS = 240; // thumbnails' addresses are good for 300

/** An entry, and when its thumbnail's address was given. */
export interface Shown extends Entry {
  since: number;
}

export class Pictures {
  readonly loaded = signal<Shown[]>([]);
  readonly isLoading = signal(true);
  readonly problem = signal<string | null>(null);
  /** How many have come in while the reader was further down. */
  readonly news = signal(0);
  /** Names and upload times of what was deleted here, and may be listed for a while yet. */
  readonly hidden = signal<ReadonlyMap<string, string>>(new Map());
  /** Names and upload times of what was added here, and is not listed yet: the list is a little behind. */
  readonly awaited = signal<ReadonlyMap<string, string>>(new Map());
  readonly shown = computed(() => this.loaded.value.filter((e) => this.hidden.value.get(e.image) !== e.uploaded_at));
  readonly isOfSearch = signal(false);
  readonly hasMore = computed(() => this.next.value !== null);

  private readonly next = signal<string | null>(null);
  private search: Search | null = null;
  private fresh: Page | null = null;
  private turn = 0; // what is answered to an earlier search is dropped
  private looks = 0;
  private lastLook = 0; // the latest that was answered: what is answered to an earlier one after that is dropped
  private looksToCatchUp = 0;

  constructor(private readonly api: Api) {
    effect(() => {
      const listed = new Map(this.loaded.value.map((entry) => [entry.image, entry.uploaded_at]));
      const awaited = [...this.awaited.value].filter(
        ([image, time]) => (listed.get(image) ?? "") < time && this.hidden.value.get(image) !== time,
      );
      if (awaited.length < this.awaited.value.size) this.awaited.value = new Map(awaited);
    });
  }

  /** Show what is found, or everything. */
  async show(search: Search): Promise<void> {
    this.turn++;
    this.search = search.labels.length ? search : null;
    this.fresh = null;
    batch(() => {
      this.news.value = 0;
      this.loaded.value = [];
      this.isOfSearch.value = this.search !== null;
      this.next.value = null;
      this.isLoading.value = false;
    });
    await this.load(() => (this.search ? this.api.found(this.search, PAGE) : this.api.newest(PAGE)));
  }

  /** Load the next page, if there is one. */
  async more(): Promise<void> {
    const next = this.next.value;
    if (next && !this.isLoading.value) await this.load(() => this.api.page(next));
  }

  private async load(read: () => Promise<Page>): Promise<void> {
    const turn = this.turn;
    this.isLoading.value = true;
    this.problem.value = null;
    try {
      let page = await read();
      // A page of a search may be empty and still have a next one.
      while (!page.entries.length && page.next && turn === this.turn) page = await this.api.page(page.next);
      if (turn !== this.turn) return;
      const known = new Set(this.loaded.value.map((entry) => entry.image));
      batch(() => {
        this.loaded.value = [...this.loaded.value, ...dated(page.entries).filter((entry) => !known.has(entry.image))];
        this.next.value = page.next;
      });
    } catch (error) {
      if (turn === this.turn) this.problem.value = inWords(error);
    } finally {
      if (turn === this.turn) this.isLoading.value = false;
    }
  }

  /** Look for new pictures; how many more there are. They are shown at once, or counted in `news` until `showNews`. */
  async refresh(atOnce: boolean): Promise<number> {
    if (this.search || this.isLoading.value) return 0;
    const turn = this.turn;
    const look = ++this.looks;
    const page = await this.api.newest(NEWS);
    if (turn !== this.turn || this.isLoading.value || look < this.lastLook) return 0;
    this.lastLook = look;
    const news = missing(page.entries, this.loaded.value);
    const more = missing(news, this.fresh?.entries ?? []);
    this.fresh = page;
    if (atOnce || !news.length) this.showNews();
    else this.news.value = news.length;
    return more.length;
  }

  /** Look for this picture until it is listed, and have its tile kept so long. */
  expect({ image, uploaded_at }: Pick<Entry, "image" | "uploaded_at">, atOnce: () => boolean) {
    this.awaited.value = new Map([...this.awaited.value, [image, uploaded_at]]);
    const isLooking = this.looksToCatchUp > 0;
    this.looksToCatchUp = CATCH_UP_LOOKS;
    if (!isLooking) void this.catchUp(atOnce);
  }

  private async catchUp(atOnce: () => boolean): Promise<void> {
    for (; this.looksToCatchUp > 0; this.looksToCatchUp--) {
      await this.refresh(atOnce()).catch(() => 0); // the next look may work
      const pending = new Map(this.fresh?.entries.map((entry) => [entry.image, entry.uploaded_at]));
      if ([...this.awaited.value].every(([image, time]) => (pending.get(image) ?? "") >= time)) break;
      await pause(CATCH_UP);
    }
    if (!this.looksToCatchUp) this.awaited.value = new Map(); // it may have been deleted meanwhile
    this.looksToCatchUp = 0;
  }

  /** Have the newest page in the place of what it was when it was loaded. */
  showNews() {
    const page = this.fresh;
    if (!page) return;
    this.fresh = null;
    const names = new Set(page.entries.map((entry) => entry.image));
    const oldest = page.entries.at(-1)?.uploaded_at ?? "";
    const isJoined = this.loaded.value.some((entry) => names.has(entry.image));
    // Too many have come in to go on from what was there, or this is all there is.
    const startsAnew = !page.next || !isJoined;
    const rest = this.loaded.value.filter((entry) => !names.has(entry.image) && entry.uploaded_at <= oldest);
    const before = new Map(this.loaded.value.map((entry) => [entry.image, entry]));
    batch(() => {
      this.news.value = 0;
      if (startsAnew) this.next.value = page.next;
      // Who is there already keeps the address of its thumbnail: another one would be loaded again.
      const entries = dated(page.entries).map((entry) => {
        const same = before.get(entry.image);
        const isSame = same?.uploaded_at === entry.uploaded_at && same.labels.length === entry.labels.length;
        return same && isSame && !isOld(same) ? same : entry;
      });
      this.loaded.value = startsAnew ? entries : [...entries, ...rest];
    });
  }

  hide(entry: Pick<Entry, "image" | "uploaded_at">) {
    this.hidden.value = new Map([...this.hidden.value, [entry.image, entry.uploaded_at]]);
  }

  unhide(image: string) {
    this.hidden.value = new Map([...this.hidden.value].filter(([name]) => name !== image));
  }
}

/** Whether the address of the thumbnail may be good no longer. */
export const isOld = (entry: Pick<Shown, "since">) => Date.now() - entry.since > ADDRESS_SECONDS * 1000;

const dated = (entries: Entry[]): Shown[] => entries.map((entry) => ({ ...entry, since: Date.now() }));

/** Those of the entries that are not among others, or are of another version there. */
function missing(entries: Entry[], others: Entry[]): Entry[] {
  const known = new Map(others.map((entry) => [entry.image, entry.uploaded_at]));
  return entries.filter((entry) => known.get(entry.image) !== entry.uploaded_at);
}
