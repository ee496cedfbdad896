import { currentSearch, showSearch } from "../address";
import type { Api } from "../api/api";
import { Magnifier } from "../shared/icons";
import { strings } from "../strings";
import { TermField } from "./term_field";
import "./search_bar.css";

/** Shows the terms of the search. Each change becomes a new address. */
export function SearchBar({ api }: { api: Api }) {
  const { terms } = currentSearch.value;
  return (
    <div class="search" role="search">
      <TermField
        api={api}
        icon={<Magnifier />}
        name={strings.search}
        hint={terms.length ? strings.searchMore : strings.searchHint}
        terms={terms}
        removeTitle={strings.removeLabel}
        onChange={(terms) => showSearch({ ...currentSearch.peek(), terms })}
      />
    </div>
  );
}
