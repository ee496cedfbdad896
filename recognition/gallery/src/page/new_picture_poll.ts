import type { PictureList } from "../grid/picture_list";
import { announce } from "../shared/announcements";
import { strings } from "../strings";

const MIN_PAUSE_MS = 8_000;
const MAX_PAUSE_MS = 60_000;
const MAX_SCROLL = 300; // px: a reader who is further down keeps the pictures on the screen

/**
 * Read the newest pictures again and again while the page is visible. The pauses grow while nothing is new. Calls
 * `onNew` after new pictures. Returns a function that stops the polling.
 */
export function pollNewPictures(pictures: PictureList, onNew: () => void): () => void {
  let isStopped = false;
  let wait = MIN_PAUSE_MS;
  let timer = setTimeout(poll, wait);
  async function poll() {
    clearTimeout(timer);
    if (!document.hidden) {
      const count = await pictures.refresh(scrollY < MAX_SCROLL).catch(() => 0); // the next poll may work
      wait = count ? MIN_PAUSE_MS : Math.min(wait * 1.3, MAX_PAUSE_MS);
      if (count) {
        announce(strings.newPictures(count));
        onNew();
      }
    }
    clearTimeout(timer);
    if (!isStopped) timer = setTimeout(poll, wait);
  }
  function onVisible() {
    if (document.hidden) return;
    wait = MIN_PAUSE_MS;
    void poll();
  }
  document.addEventListener("visibilitychange", onVisible);
  return () => {
    isStopped = true;
    clearTimeout(timer);
    document.removeEventListener("visibilitychange", onVisible);
  };
}
