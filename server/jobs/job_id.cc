#include "server/jobs/job_id.h"

#include <random>
#include <string_view>

#include "absl/time/clock.h"
#include "absl/time/time.h"

namespace fintag::server {

std::string NewJobId() {
  // Without the letters and digits that are mistaken for each other.
  constexpr std::string_view kAlphabet = "23456789abcdefghjkmnpqrstuvwxyz";
  std::random_device random;
  std::uniform_int_distribution<size_t> index(0, kAlphabet.size() - 1);
  std::string id = absl::FormatTime("%y%m%d-%H%M%S-", absl::Now(), absl::UTCTimeZone());
  for (int i = 0; i < 4; ++i) id += kAlphabet[index(random)];
  return id;
}

}  // namespace fintag::server
