// Ids of a tokenizer: which token has which row of the vocabulary, and whether all of them add up.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "core/text/tokenizer_definition.h"
#include "core/text/wordpiece_tokenizer.h"

namespace fintag {

using PieceIds = absl::flat_hash_map<std::string_view, int32_t>;

// Ids of the vocabulary's pieces; the definition must outlive them.
PieceIds IdsOf(const TokenizerDefinition& definition);

// Gives every added token its id as the library does: its row of the vocabulary, else the next one behind it. Of tokens
// that are stated twice the later statement stays. INVALID_ARGUMENT if the file states another id.
absl::Status AssignAddedIds(const PieceIds& pieces, TokenizerDefinition& definition);

// Texts by id, added tokens among them. INVALID_ARGUMENT if two share an id or an id from 0 on has none.
absl::StatusOr<std::vector<std::string>> TextsById(const TokenizerDefinition& definition);

// INVALID_ARGUMENT names the one that is missing.
absl::StatusOr<SpecialTokens> FindSpecialTokens(const PieceIds& pieces, const TokenizerDefinition& definition);

}  // namespace fintag
