// A set of byte strings with a number each, for finding the longest one that starts a text. The vocabulary of WordPiece
// and the added tokens are looked up in it.
#pragma once

#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

namespace fintag {

class PieceTrie {
 public:
  using Entry = std::pair<std::string_view, int32_t>;  // a string and its number, not negative

  static constexpr uint32_t kRoot = 0;
  static constexpr uint32_t kNowhere = 0xFFFFFFFF;

  struct Match {
    int32_t value = -1;  // -1: nothing matches
    size_t length = 0;   // bytes
  };

  // Of equal strings the first in `entries` counts. The strings are not kept.
  explicit PieceTrie(std::vector<Entry> entries);

  // The node that `text` leads to from `node`, kNowhere if no string goes on that way.
  uint32_t Descend(uint32_t node, std::string_view text) const;

  // The longest string below `node` that `text` starts with, one byte at least. Nothing if `node` is kNowhere.
  Match Longest(uint32_t node, std::string_view text) const;

 private:
  struct Node {
    uint32_t first_child = 0;  // the children of a node lie side by side, sorted by label
    int32_t value = -1;
    int32_t dense = -1;     // row of dense_, for nodes of many children
    uint16_t children = 0;  // 256 at most
  };

  uint32_t Child(const Node& node, unsigned char label) const;

  std::vector<Node> nodes_;
  std::vector<unsigned char> labels_;  // of the edge that leads to each node
  std::vector<uint32_t> dense_;        // rows of 256
};

}  // namespace fintag
