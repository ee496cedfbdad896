import { useEffect, useState } from "preact/hooks";
import type { Api } from "../api/api";
import type { Box, Picture } from "../api/documents";
import { PictureFrame, Warning } from "../shared/icons";
import { pauseBeforeRetry } from "../shared/pause";
import { VisibleText } from "../shared/visible_text";
import { strings } from "../strings";
import { labelHue } from "./label_hue";
import "./stage.css";

const RENDITION_ATTEMPTS = 9; // within two minutes
/** After more attempts than this, the page says that the picture does not load. The attempts go on. */
const SILENT_ATTEMPTS = 2;

interface Properties {
  api: Api;
  picture: Picture;
  /** The label whose boxes stand out, or null. */
  highlighted: string | null;
}

/** Shows the picture with its boxes. Without a picture, shows the reason. */
export function Stage({ api, picture, highlighted }: Properties) {
  const { url, attempt, tryAgain } = useDisplayableUrl(api, picture);
  const [ratio, setRatio] = useState(0);
  return (
    <>
      {attempt > 0 && !ratio && <NoPicture picture={picture} isLate={attempt > SILENT_ATTEMPTS} />}
      <div class={ratio ? "frame" : "frame loading"} style={ratio ? { "--ratio": `${ratio}` } : {}}>
        <img
          key={attempt}
          src={url}
          alt={strings.alternative(picture.image, picture.labels.map((label) => label.name))}
          draggable={false}
          onLoad={({ currentTarget: { naturalWidth, naturalHeight } }) => setRatio(naturalWidth / naturalHeight)}
          onError={() => void tryAgain()}
        />
        {ratio > 0 && <Boxes picture={picture} highlighted={highlighted} />}
      </div>
    </>
  );
}

/** Return the picture's URL. After `tryAgain`, wait for the converted copy and return its URL. */
function useDisplayableUrl(api: Api, picture: Picture) {
  const [attempt, setAttempt] = useState(0);
  const [rendition, setRendition] = useState(picture.rendition_url);

  async function tryAgain() {
    if (attempt > 0) await pauseBeforeRetry(attempt);
    setAttempt(attempt + 1);
  }

  useEffect(() => {
    if (!attempt || rendition || picture.failure || attempt > RENDITION_ATTEMPTS) return;
    let isMounted = true;
    (async () => {
      const found = await api.picture(picture.image).catch(() => null);
      if (!isMounted) return;
      if (found?.rendition_url) setRendition(found.rendition_url);
      else await tryAgain();
    })();
    return () => {
      isMounted = false;
    };
  }, [attempt]);

  return { url: attempt ? rendition : picture.picture_url, attempt, tryAgain };
}

function NoPicture({ picture: { failure }, isLate }: { picture: Picture; isLate: boolean }) {
  return (
    <p class="no-picture">
      {failure ? <Warning /> : <PictureFrame />}
      <VisibleText text={failure?.message ?? (isLate ? strings.cannotShow : strings.converting)} />
    </p>
  );
}

function Boxes({ picture, highlighted }: { picture: Picture; highlighted: string | null }) {
  return picture.labels.map(({ name, instances }, labelIndex) =>
    instances.map(({ box }, index) => (
      <div
        key={`${name} ${index}`}
        class={highlighted === null ? "box" : highlighted === name ? "box highlighted" : "box dimmed"}
        data-label={name}
        style={{ "--hue": labelHue(labelIndex), ...rectangle(box) }}
      >
        <span>
          <VisibleText text={name} />
        </span>
      </div>
    )),
  );
}

const rectangle = ({ left, top, width, height }: Box) => ({
  left: `${left * 100}%`,
  top: `${top * 100}%`,
  width: `${width * 100}%`,
  height: `${height * 100}%`,
});
