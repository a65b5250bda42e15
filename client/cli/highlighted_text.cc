#include "client/cli/highlighted_text.h"

#include "client/utf8.h"

namespace fintag::client {

std::vector<TextPiece> CutAtEntities(std::string_view text, const fintag::v1::TaggedText& tagged) {
  std::vector<TextPiece> pieces;
  size_t byte = 0;     // where the walk stands
  int32_t points = 0;  // the same in code points
  size_t written = 0;  // bytes before this are in `pieces`
  const auto walk_to = [&](int32_t target) {
    for (; points < target && byte < text.size(); ++points) byte += DecodeUtf8(text.substr(byte)).bytes;
    return points == target;
  };
  for (const fintag::v1::Entity& entity : tagged.entities()) {
    if (entity.start() < points || entity.end() <= entity.start() || !walk_to(entity.start())) continue;
    const size_t start = byte;
    if (!walk_to(entity.end())) break;
    if (start > written) pieces.push_back({text.substr(written, start - written), nullptr});
    pieces.push_back({text.substr(start, byte - start), &entity});
    written = byte;
  }
  if (written < text.size()) pieces.push_back({text.substr(written), nullptr});
  return pieces;
}

}  // namespace fintag::client
