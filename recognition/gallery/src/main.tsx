import { render } from "preact";
import { Api, endpoints, inWords } from "./api";
import { Deletions } from "./deletions";
import { Gallery } from "./gallery";
import "./gallery.css";
import { Pictures } from "./pictures";
import { strings } from "./strings";
import { Uploads } from "./uploads";

const place = document.getElementById("gallery")!;

try {
  const api = new Api(await endpoints());
  const pictures = new Pictures(api);
  const deletions = new Deletions(api, pictures);
  const uploads = new Uploads(
    api,
    (image) => deletions.undo(image), // which would be of what is in its place by then
    (picture) => pictures.expect(picture, () => scrollY < innerHeight),
  );
  render(<Gallery api={api} pictures={pictures} uploads={uploads} deletions={deletions} />, place);
} catch (error) {
  render(<p class="state problem">{strings.problem(inWords(error))}</p>, place);
}
