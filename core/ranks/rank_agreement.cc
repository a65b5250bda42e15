#include "core/ranks/rank_agreement.h"

#include <unistd.h>

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace fintag {

absl::Status Agree(RankGroup& ranks, const std::string& what, const std::string& value, absl::StatusCode code) {
  const absl::StatusOr<std::vector<std::string>> values = ranks.Gather(value);
  if (!values.ok()) return values.status();
  for (size_t rank = 1; rank < values->size(); ++rank) {
    if ((*values)[rank] == values->front()) continue;
    return {code,
            absl::StrCat(ranks.place().NameOf(static_cast<int32_t>(rank)), " has another ", what, " than rank 0")};
  }
  return absl::OkStatus();
}

std::string WeightsChecksum(const std::vector<std::pair<std::string, at::Tensor>>& parameters) {
  uint64_t checksum = 0;
  for (const auto& [name, parameter] : parameters) {
    const auto sum = parameter.detach().view(at::kInt).sum(at::kLong).item<int64_t>();
    checksum = checksum * 0x9e3779b97f4a7c15u + static_cast<uint64_t>(sum);
  }
  return absl::StrCat(absl::Hex(checksum));
}

absl::StatusOr<int32_t> RanksHere(RankGroup& ranks) {
  char name[256] = {};
  gethostname(name, sizeof name - 1);
  const absl::StatusOr<std::vector<std::string>> names = ranks.Gather(name);
  if (!names.ok()) return names.status();
  return static_cast<int32_t>(std::count(names->begin(), names->end(), name));
}

}  // namespace fintag
