#include "server/storage/paging.h"

#include "absl/strings/numbers.h"
#include "absl/strings/str_format.h"
#include "core/text/strings.h"

namespace fintag::server {
namespace {

constexpr int32_t kMaxPageSize = 1000;

// FNV-1a: tells a token of this list from one made up, cut short or of another list.
uint32_t Check(std::string_view list, int64_t position) {
  uint32_t hash = 2166136261u;
  for (const char c : StrCat(list, "/", position)) hash = (hash ^ static_cast<unsigned char>(c)) * 16777619u;
  return hash;
}

}  // namespace

std::string PageToken(std::string_view list, int64_t position) {
  return absl::StrFormat("%d-%08x", position, Check(list, position));
}

absl::StatusOr<PageStart> ReadPageRequest(std::string_view list, const PageRequest& page) {
  if (page.page_size < 1 || page.page_size > kMaxPageSize) {
    return absl::InvalidArgumentError(StrCat("page_size must be 1 to ", kMaxPageSize, ", is ", page.page_size));
  }
  PageStart start;
  start.rows = page.page_size;
  if (page.page_token.empty()) return start;
  const std::string_view token = page.page_token;
  if (!absl::SimpleAtoi(AbslView(token.substr(0, token.find('-'))), &start.before) ||
      token != PageToken(list, start.before)) {
    return absl::InvalidArgumentError(
        StrCat("is not one of a list of ", list, ": give the previous page's next_page_token, or none to begin"));
  }
  return start;
}

}  // namespace fintag::server
