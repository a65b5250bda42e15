// A text cut at the borders of its entities.
#pragma once

#include <fintag/v1/tagging.pb.h>

#include <string_view>
#include <vector>

namespace fintag::client {

struct TextPiece {
  std::string_view text;
  const fintag::v1::Entity* entity = nullptr;  // nullptr between entities
};

// In order and without gaps. Entities' offsets are code points; one that overlaps the entity before it or lies outside
// the text is passed over. The pieces point into `text` and `tagged`.
std::vector<TextPiece> CutAtEntities(std::string_view text, const fintag::v1::TaggedText& tagged);

}  // namespace fintag::client
