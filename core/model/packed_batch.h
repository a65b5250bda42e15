// A batch as a flat run of tokens: no padding, sequences told apart by offsets.
#pragma once

#include <cstdint>
#include <vector>

namespace fintag {

struct PackedBatch {
  std::vector<int64_t> token_ids;      // [tokens]
  std::vector<int64_t> offsets = {0};  // [sequences + 1]; sequence i is tokens offsets[i] to offsets[i + 1]

  int64_t tokens() const { return static_cast<int64_t>(token_ids.size()); }
  int64_t sequences() const { return static_cast<int64_t>(offsets.size()) - 1; }

  void Add(const std::vector<int32_t>& sequence) {
    token_ids.insert(token_ids.end(), sequence.begin(), sequence.end());
    offsets.push_back(tokens());
  }
};

}  // namespace fintag
