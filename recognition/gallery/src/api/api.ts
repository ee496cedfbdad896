import { signal } from "@preact/signals";
import { pause } from "../shared/pause";
import { strings } from "../strings";
import {
  type Delivery,
  type Endpoints,
  type FileToUpload,
  KINDS,
  type Kind,
  type LabelCount,
  type Page,
  type Picture,
  type SearchQuery,
  type StoredPicture,
  type UploadForm,
} from "./documents";
import { ApiError, request } from "./http";
import { imagePath } from "./image_path";
import { forgetEveryKey, forgetKey, keepKey, onKeyForgotten, readKey } from "./key_store";

const MAX_ATTEMPTS = 4;
const FIRST_RETRY_MS = 300;
const KINDS_SECONDS = 60;

/** Calls the three services with the API key. */
export class Api {
  /** Says why the page needs a key: none was entered yet, or the service refused it. */
  readonly needsKey = signal<"no" | "missing" | "refused">("no");
  /** False if the services accept calls without a key. */
  readonly usesKeys: boolean;
  private key: string | null;
  private kinds: Promise<Kind[]> = Promise.resolve([]);
  private kindsReadAt = 0;

  constructor(private readonly endpoints: Endpoints) {
    this.usesKeys = endpoints.auth === "api_key";
    this.key = this.usesKeys ? readKey() : null;
    if (this.usesKeys && !this.key) this.needsKey.value = "missing";
    onKeyForgotten((key) => {
      if (key === this.key) leavePage(); // another tab has signed out
    });
  }

  /** Use and keep this key if the service accepts it. */
  async signIn(key: string, onDevice: boolean): Promise<void> {
    // A copied key may contain invisible characters. No HTTP header can hold them.
    if (!/^[\x21-\x7e]+$/.test(key)) throw new ApiError(403, "Forbidden", strings.keyWrong);
    await this.call("GET", `${this.endpoints.labels}/?limit=1`, { key, attempts: 1 });
    this.key = key;
    keepKey(key, onDevice);
    this.needsKey.value = "no";
  }

  /** Forget the key in this tab and on this device, then load the page without it. */
  signOut() {
    forgetEveryKey();
    leavePage();
  }

  newest(limit: number): Promise<Page> {
    return this.page(`${this.endpoints.labels}/?limit=${limit}&thumbnails=true`);
  }

  search(query: SearchQuery, limit: number): Promise<Page> {
    const parameters = new URLSearchParams({ limit: `${limit}`, thumbnails: "true", match: query.match });
    for (const { kind, name } of query.terms) parameters.append(kind, name);
    for (const label of query.exclude) parameters.append("exclude", label);
    if (query.confidence > 0) parameters.set("min_confidence", `${query.confidence}`);
    return this.page(`${this.endpoints.labels}/search?${parameters}`);
  }

  async page<T>(url: string): Promise<Page<T>> {
    const answer = await this.call("GET", url);
    const link = /<([^>]*)>;\s*rel="next"/.exec(answer.headers.get("link") ?? "")?.[1];
    return { entries: await answer.json(), next: link ? new URL(link, url).href : null };
  }

  /** Return the picture, or null if no picture with this name is recognised yet. */
  async picture(image: string): Promise<Picture | null> {
    try {
      const url = `${this.endpoints.labels}/images?name=${encodeURIComponent(image)}`;
      return await (await this.call("GET", url)).json();
    } catch (error) {
      if (error instanceof ApiError && error.code === "ImageNotFound") return null;
      throw error;
    }
  }

  /** Delete a picture. With `keepalive`, the browser sends the request even if the page closes. */
  async deletePicture(image: string, keepalive: boolean): Promise<void> {
    await this.call("DELETE", `${this.endpoints.labels}/images/${imagePath(image)}`, { keepalive });
  }

  /** Return the first names of a kind, in alphabetical order, that begin with `prefix`. */
  async namesWithPrefix(kind: Kind, prefix: string, limit: number): Promise<LabelCount[]> {
    const parameters = new URLSearchParams({ ...(kind === "label" ? {} : { kind }), prefix, limit: `${limit}` });
    return (await this.page<LabelCount>(`${this.endpoints.labels}/labels?${parameters}`)).entries;
  }

  /** Return the kinds that have names, besides labels. The answer is up to a minute old. */
  async otherKinds(): Promise<Kind[]> {
    if (Date.now() - this.kindsReadAt > KINDS_SECONDS * 1000) {
      this.kindsReadAt = Date.now();
      const others = KINDS.filter((kind) => kind !== "label");
      this.kinds = Promise.all(others.map((kind) => this.namesWithPrefix(kind, "", 1))).then(
        (names) => others.filter((_, index) => names[index]!.length > 0),
        () => [], // the search for labels works without them
      );
    }
    return this.kinds;
  }

  async allLabels(): Promise<LabelCount[]> {
    const all: LabelCount[] = [];
    for (let next: string | null = `${this.endpoints.labels}/labels?limit=1000`; next; ) {
      const page: Page<LabelCount> = await this.page<LabelCount>(next);
      all.push(...page.entries);
      next = page.next;
    }
    return all;
  }

  async deliveries(image: string): Promise<Delivery[]> {
    const parameters = new URLSearchParams({ image, limit: "20" });
    return (await this.call("GET", `${this.endpoints.deliveries}/deliveries?${parameters}`)).json();
  }

  /** Return an upload form for a file, or null if the bucket holds the same bytes under this name. */
  async uploadForm(file: FileToUpload, overwrite: boolean, signal: AbortSignal): Promise<UploadForm | null> {
    const answer = await this.call("POST", `${this.endpoints.upload}/uploads`, { body: { ...file, overwrite }, signal });
    return answer.status === 201 ? answer.json() : null;
  }

  /** Ask the service to fetch and store a picture. */
  async storeFromUrl(
    url: string,
    name: string | null,
    overwrite: boolean,
    signal: AbortSignal,
  ): Promise<StoredPicture> {
    const body = { url, overwrite, ...(name ? { name } : {}) };
    const answer = await this.call("POST", `${this.endpoints.upload}/images`, { body, attempts: 1, signal });
    const { image, request_id }: { image: string; request_id: string } = await answer.json();
    return { image, request_id: answer.status === 201 ? request_id : null };
  }

  /** Send a request with the key, and repeat it after transient failures. Shows the key form if the key is refused. */
  private async call(
    method: string,
    url: string,
    {
      key = this.key,
      body = undefined as unknown,
      attempts = MAX_ATTEMPTS,
      keepalive = false,
      signal = null as AbortSignal | null,
    } = {},
  ): Promise<Response> {
    if (this.needsKey.value !== "no" && !key) throw new ApiError(403, "Forbidden", strings.keyMissing);
    const headers: Record<string, string> = {};
    if (key) headers["x-api-key"] = key;
    if (body) headers["content-type"] = "application/json";
    const options: RequestInit = { method, headers, keepalive, signal, body: body ? JSON.stringify(body) : null };
    for (let attempt = 1; ; attempt++) {
      try {
        return await request(url, options);
      } catch (error) {
        if (!(error instanceof ApiError)) throw error;
        if (error.code === "Forbidden" && key === this.key) this.dropRefusedKey();
        if (!error.isTransient || attempt >= attempts) throw error;
        await pause(FIRST_RETRY_MS * 2 ** (attempt - 1) * (0.5 + Math.random()));
      }
    }
  }

  private dropRefusedKey() {
    forgetKey(this.key);
    this.needsKey.value = this.key ? "refused" : "missing";
    this.key = null;
  }
}

/** Load the page again without any data of this visit. The `pagehide` event sends waiting deletions first. */
function leavePage() {
  addEventListener("pageshow", (event) => event.persisted && location.reload()); // the Back button restored the page
  location.replace(location.pathname);
}

/** Ask the page's own service for the addresses of all services. */
export async function readEndpoints(): Promise<Endpoints> {
  return (await request(new URL("gallery/endpoints.json", location.href).href)).json();
}
