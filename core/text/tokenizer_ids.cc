#include "core/text/tokenizer_ids.h"

#include <algorithm>
#include <utility>

#include "core/text/strings.h"

namespace fintag {

PieceIds IdsOf(const TokenizerDefinition& definition) {
  PieceIds pieces;
  pieces.reserve(definition.vocabulary.size());
  for (const auto& [piece, id] : definition.vocabulary) pieces[piece] = id;
  return pieces;
}

absl::Status AssignAddedIds(const PieceIds& pieces, TokenizerDefinition& definition) {
  auto next = static_cast<int32_t>(pieces.size());
  absl::flat_hash_map<std::string, int32_t> added;
  for (AddedToken& token : definition.added) {
    if (token.content.empty()) return absl::InvalidArgumentError(StrCat(definition.file, ": an added token is empty"));
    int32_t id = 0;
    if (const auto again = added.find(token.content); again != added.end()) {
      id = again->second;
    } else if (const auto piece = pieces.find(token.content); piece != pieces.end()) {
      id = piece->second;
    } else {
      id = next++;
    }
    if (token.id != kNoToken && token.id != id) {
      return absl::InvalidArgumentError(StrCat(definition.file, ": added token '", token.content, "' has id ", token.id,
                                               "; by its vocabulary it must be ", id));
    }
    token.id = id;
    added[token.content] = id;
  }
  // Stated twice, the later statement counts.
  absl::flat_hash_map<int32_t, size_t> last;
  for (size_t i = 0; i < definition.added.size(); ++i) last[definition.added[i].id] = i;
  std::vector<AddedToken> kept;
  for (size_t i = 0; i < definition.added.size(); ++i) {
    if (last[definition.added[i].id] == i) kept.push_back(std::move(definition.added[i]));
  }
  definition.added = std::move(kept);
  return absl::OkStatus();
}

absl::StatusOr<std::vector<std::string>> TextsById(const TokenizerDefinition& definition) {
  const size_t most = definition.vocabulary.size() + definition.added.size();
  std::vector<std::string> texts;
  std::vector<bool> taken;
  const auto put = [&](const std::string& text, int32_t id) -> absl::Status {
    const auto row = static_cast<size_t>(id);
    if (row >= most) {
      return absl::InvalidArgumentError(StrCat(definition.file, ": '", text, "' has id ", id, ", but there are ", most,
                                               " entries; ids must run from 0 without gaps"));
    }
    if (row >= texts.size()) texts.resize(row + 1), taken.resize(row + 1);
    if (taken[row] && texts[row] != text) {
      return absl::InvalidArgumentError(
          StrCat(definition.file, ": '", texts[row], "' and '", text, "' have the same id ", id));
    }
    taken[row] = true;
    texts[row] = text;
    return absl::OkStatus();
  };
  for (const auto& [text, id] : definition.vocabulary) {
    if (const auto status = put(text, id); !status.ok()) return status;
  }
  for (const AddedToken& token : definition.added) {
    if (const auto status = put(token.content, token.id); !status.ok()) return status;
  }
  const auto gap = std::find(taken.begin(), taken.end(), false);
  if (gap != taken.end()) {
    return absl::InvalidArgumentError(
        StrCat(definition.file, ": no entry has id ", gap - taken.begin(), "; ids must run from 0 without gaps"));
  }
  return texts;
}

absl::StatusOr<SpecialTokens> FindSpecialTokens(const PieceIds& pieces, const TokenizerDefinition& definition) {
  PieceIds all = pieces;
  for (const AddedToken& token : definition.added) all[token.content] = token.id;
  SpecialTokens special;
  const auto find = [&](const PieceIds& ids, const std::string& text, int32_t& id) -> absl::Status {
    const auto found = ids.find(text);
    if (found == ids.end()) {
      return absl::InvalidArgumentError(StrCat(definition.file, ": the vocabulary has no '", text, "'"));
    }
    id = found->second;
    return absl::OkStatus();
  };
  if (const auto status = find(pieces, definition.unknown, special.unknown); !status.ok()) return status;
  if (const auto status = find(all, definition.classifier, special.classifier); !status.ok()) return status;
  if (const auto status = find(all, definition.separator, special.separator); !status.ok()) return status;
  if (const auto status = find(all, definition.padding, special.padding); !status.ok()) return status;
  return special;
}

}  // namespace fintag
