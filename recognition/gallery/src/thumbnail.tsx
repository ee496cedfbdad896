import { useEffect, useState } from "preact/hooks";
import { type Api, pause } from "./api";
import { Picture } from "./icons";
import { isOld, type Shown } from "./pictures";
import { strings } from "./strings";

const FIRST_PAUSE = 600;

/** Looks that have failed, after which it is said so. It is looked for on. */
export const PATIENCE = 2;

/** Wait before the next look at what may still be made of an upload: ever longer. */
export const waitForMaking = (looks: number) => pause(FIRST_PAUSE * 1.6 ** looks);

type Address = Pick<Shown, "thumbnail_url" | "since">;

/** Addresses that were found later than the list; tiles come and go as one scrolls. */
const found = new Map<string, Address>();

interface Properties {
  api: Api;
  entry: Shown;
  /** What to show until there is a thumbnail. */
  preview: string | null;
}

/** The thumbnail, as soon as it is made, or a placeholder. */
export function Thumbnail({ api, entry, preview }: Properties) {
  const key = `${entry.uploaded_at} ${entry.image}`;
  const [address, setAddress] = useState<Address>(() => latest(entry, found.get(key)));
  const [look, setLook] = useState(0);
  const [failures, setFailures] = useState(0);
  const [isThere, setThere] = useState(false);

  useEffect(() => {
    if (!failures) return;
    let isWanted = true;
    (async () => {
      if (failures > 1 || !isOld(address)) await waitForMaking(failures);
      if (!isWanted) return;
      const picture = isOld(address) ? await api.picture(entry.image).catch(() => null) : null;
      if (picture) found.set(key, { thumbnail_url: picture.thumbnail_url, since: Date.now() });
      if (!isWanted) return;
      setAddress(latest(address, found.get(key)));
      setLook(failures); // the address may be the same one
    })();
    return () => {
      isWanted = false;
    };
  }, [failures]);

  const shown = isThere ? null : preview;
  return (
    <span class="thumbnail">
      {shown && <img src={shown} alt="" draggable={false} />}
      {failures > PATIENCE && !isThere && !shown && <Placeholder />}
      <img
        key={look}
        class={isThere ? "there" : "coming"}
        src={address.thumbnail_url}
        alt=""
        decoding="async"
        draggable={false}
        onLoad={() => setThere(true)}
        onError={() => setFailures(look + 1)}
      />
    </span>
  );
}

const latest = (one: Address, other: Address | undefined) => (other && other.since > one.since ? other : one);

export function Placeholder() {
  return (
    <span class="placeholder">
      <Picture />
      <small>{strings.noThumbnail}</small>
    </span>
  );
}
