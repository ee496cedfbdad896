import { render } from "preact";
// The base comes before the components, so that their styles override it.
import "./base/variables.css";
import "./base/reset.css";
import "./base/controls.css";
import { Api, readEndpoints } from "./api/api";
import { errorMessage } from "./api/http";
import { Deletions } from "./deletions/deletions";
import { PictureList } from "./grid/picture_list";
import { Gallery } from "./page/gallery";
import { strings } from "./strings";
import { Uploads } from "./uploads/uploads";

const root = document.getElementById("gallery")!;

try {
  const api = new Api(await readEndpoints());
  const pictures = new PictureList(api);
  const deletions = new Deletions(api, pictures);
  const uploads = new Uploads(
    api,
    (image) => deletions.undo(image), // a waiting deletion would delete the new picture
    (picture) => pictures.waitUntilListed(picture, () => scrollY < innerHeight),
  );
  render(<Gallery api={api} pictures={pictures} uploads={uploads} deletions={deletions} />, root);
} catch (error) {
  render(<p class="list-state problem">{strings.problem(errorMessage(error))}</p>, root);
}
