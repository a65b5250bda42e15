// One line of a JSON lines corpus, checked for form but not yet for sense. A part of ReadCorpus.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace fintag {

struct JsonEntity {
  int64_t start = 0;  // as given: code points of the text
  int64_t end = 0;    // exclusive
  std::string label;
};

struct JsonRecord {
  std::optional<std::vector<std::string>> tokens;
  std::optional<std::vector<std::string>> tags;
  std::optional<std::string> text;
  std::optional<std::vector<JsonEntity>> entities;
  std::string document;  // a key that differs between different ids, 7 and "7" too; empty if there is none
};

// Reads one JSON object in time and memory linear in its size, whatever it holds: other members are skipped, and
// nesting deeper than 100 is an error. INVALID_ARGUMENT says in one line what is wrong. `line` must be UTF-8.
absl::StatusOr<JsonRecord> ParseJsonRecord(std::string_view line);

}  // namespace fintag
