import { EMPTY_SEARCH, showSearch } from "../address";
import type { Api } from "../api/api";
import { SearchBar } from "../search/search_bar";
import { Logo, Plus, SignOut } from "../shared/icons";
import { strings } from "../strings";
import "./header.css";

export function Header({ api, onAdd }: { api: Api; onAdd: () => void }) {
  function goHome(event: MouseEvent) {
    event.preventDefault();
    showSearch(EMPTY_SEARCH);
  }
  return (
    <header>
      <a class="brand" href={location.pathname} aria-label={strings.home} onClick={goHome}>
        <Logo /> <span>{strings.title}</span>
      </a>
      <SearchBar api={api} />
      <button class="primary-button" aria-label={strings.add} onClick={onAdd}>
        <Plus /> <span>{strings.add}</span>
      </button>
      {api.usesKeys && (
        <button
          class="icon-button"
          aria-label={strings.signOut}
          title={strings.signOutAbout}
          onClick={() => api.signOut()}
        >
          <SignOut />
        </button>
      )}
    </header>
  );
}
