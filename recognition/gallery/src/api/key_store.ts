/** Keeps the API key in this tab (`sessionStorage`) or on this device (`localStorage`). */

const ITEM = "sightline.api-key";

export const readKey = () => sessionStorage.getItem(ITEM) ?? localStorage.getItem(ITEM);

export function keepKey(key: string, onDevice: boolean) {
  (onDevice ? localStorage : sessionStorage).setItem(ITEM, key);
}

/** Remove this key. A different key, which another tab may have kept since, stays. */
export function forgetKey(key: string | null) {
  for (const store of [sessionStorage, localStorage]) if (store.getItem(ITEM) === key) store.removeItem(ITEM);
}

export function forgetEveryKey() {
  for (const store of [sessionStorage, localStorage]) store.removeItem(ITEM);
}

/** Call `listener` when another tab removes a key from this device. A key of this tab alone is not affected. */
export function onKeyForgotten(listener: (key: string | null) => void) {
  addEventListener("storage", ({ key, oldValue, newValue }) => {
    if (key === ITEM && newValue === null && !sessionStorage.getItem(ITEM)) listener(oldValue);
  });
}
