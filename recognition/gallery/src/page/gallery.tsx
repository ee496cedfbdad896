import { useEffect, useState } from "preact/hooks";
import { closeImage, currentSearch, openImage } from "../address";
import type { Api } from "../api/api";
import type { Deletions } from "../deletions/deletions";
import { Toasts } from "../deletions/toasts";
import { Grid } from "../grid/grid";
import type { PictureList } from "../grid/picture_list";
import { LabelCloud } from "../search/label_cloud";
import { Refinements } from "../search/refinements";
import { Announcements } from "../shared/announcements";
import { KeyForm } from "../sign_in/key_form";
import { strings } from "../strings";
import { AddDialog } from "../uploads/add_dialog";
import { DropZone } from "../uploads/drop_zone";
import { UploadPanel } from "../uploads/upload_panel";
import type { Uploads } from "../uploads/uploads";
import { Viewer } from "../viewer/viewer";
import { Header } from "./header";
import { ListState } from "./list_state";
import { pollNewPictures } from "./new_picture_poll";
import "./gallery.css";

export interface Services {
  api: Api;
  pictures: PictureList;
  uploads: Uploads;
  deletions: Deletions;
}

/** The whole page: the key form, or the pictures. */
export function Gallery(services: Services) {
  return services.api.needsKey.value === "no" ? <Page {...services} /> : <KeyForm api={services.api} />;
}

function Page(services: Services) {
  const { api, uploads, deletions, pictures } = services;
  const [isAdding, setAdding] = useState(false);
  usePageEffects(pictures);

  function onAdded() {
    // An open dialog would hide the upload panel.
    setAdding(false);
    if (openImage.value !== null) closeImage();
  }

  return (
    <>
      <a class="skip" href="#pictures" onClick={skipToPictures}>
        {strings.skip}
      </a>
      <Header api={api} onAdd={() => setAdding(true)} />
      <Pictures {...services} />
      <footer id="grid-keys">{strings.gridKeys}</footer>
      <div class="corner">
        {openImage.value === null && <Toasts deletions={deletions} />}
        <UploadPanel uploads={uploads} />
      </div>
      {openImage.value === null ? (
        <Announcements />
      ) : (
        <Viewer {...services} image={openImage.value}>
          <div class="corner">
            <Toasts deletions={deletions} />
          </div>
          <Announcements />
        </Viewer>
      )}
      {isAdding && <AddDialog uploads={uploads} onClose={() => setAdding(false)} />}
      <DropZone uploads={uploads} onAdded={onAdded} />
    </>
  );
}

function Pictures(services: Services) {
  const { api, pictures } = services;
  const [polls, setPolls] = useState(0); // the polls that found new pictures
  const isSearch = currentSearch.value.terms.length > 0;
  useEffect(() => pollNewPictures(pictures, () => setPolls((count) => count + 1)), []);
  return (
    <main>
      <h1 class="visually-hidden">{strings.pictures}</h1>
      {isSearch ? <Refinements api={api} /> : <LabelCloud api={api} version={polls} />}
      {pictures.newCount.value > 0 && <NewPicturesButton pictures={pictures} />}
      <Grid {...services} />
      <ListState {...services} isSearch={isSearch} />
    </main>
  );
}

function NewPicturesButton({ pictures }: { pictures: PictureList }) {
  function onClick() {
    pictures.showNew();
    scrollTo(0, 0);
  }
  return (
    <button class="new-pictures primary-button" onClick={onClick}>
      {strings.newPicturesAbove(pictures.newCount.value)}
    </button>
  );
}

/** Load the pictures of each search, name the tab, and let "/" lead to the search field. */
function usePageEffects(pictures: PictureList) {
  const query = currentSearch.value;
  const image = openImage.value;
  useEffect(() => {
    scrollTo(0, 0);
    void pictures.show(query);
  }, [query]);
  useEffect(() => {
    const content = image ?? query.terms.map(({ kind, name }) => strings.term(kind, name)).join(", ");
    document.title = content ? strings.titleOf(content) : strings.title;
  }, [query, image]);
  useEffect(() => {
    document.addEventListener("keydown", focusSearch);
    return () => document.removeEventListener("keydown", focusSearch);
  }, []);
}

function focusSearch(event: KeyboardEvent) {
  if (event.key !== "/" || openImage.value !== null || event.target instanceof HTMLInputElement) return;
  event.preventDefault();
  document.querySelector<HTMLInputElement>(".search input")?.focus();
}

function skipToPictures(event: MouseEvent) {
  event.preventDefault(); // the fragment of the address is the name of the open picture
  document.querySelector<HTMLElement>(".grid .tile[tabindex='0']")?.focus();
}
