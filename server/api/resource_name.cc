#include "server/api/resource_name.h"

#include "core/text/quoted.h"
#include "core/text/strings.h"
#include "server/api/status_conversion.h"
#include "server/storage/resource_name.h"

namespace fintag::server {
namespace {

// What a message may quote of a wrong name.
std::string Quote(const std::string& name) { return StrCat("\"", OneLine(name, 100), "\""); }

}  // namespace

absl::StatusOr<std::string> ParseName(const std::string& name, std::string_view collection, std::string_view field) {
  const std::string prefix = StrCat(collection, "/");
  if (name.rfind(prefix, 0) == 0 && IsResourceId(std::string_view(name).substr(prefix.size()))) {
    return name.substr(prefix.size());
  }
  return BadField(std::string(field), StrCat("must be \"", collection, "/{id}\", is ", Quote(name)));
}

absl::Status CheckId(const std::string& id, std::string_view field) {
  if (IsResourceId(id)) return absl::OkStatus();
  return BadField(
      std::string(field),
      StrCat("must be 1 to 63 characters of a-z, 0-9 and '-', starting with a letter or digit, is ", Quote(id)));
}

absl::Status CheckModelName(const std::string& name, std::string_view field) {
  if (ParseModelName(name).ok()) return absl::OkStatus();
  return BadField(std::string(field),
                  StrCat("must be \"models/{id}\" or \"models/{id}/versions/{n}\", is ", Quote(name)));
}

absl::StatusOr<int32_t> CheckPageSize(int32_t page_size) {
  if (page_size < 0 || page_size > 1000) {
    return BadField("page_size", StrCat("must be 0 to 1,000, is ", page_size));
  }
  return page_size == 0 ? 50 : page_size;
}

}  // namespace fintag::server
