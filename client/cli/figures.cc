#include "client/cli/figures.h"

#include <array>
#include <cmath>

#include "absl/strings/str_format.h"
#include "absl/time/time.h"

namespace fintag::client {

std::string WithCommas(int64_t number) {
  const bool negative = number < 0;
  std::string digits = std::to_string(number);
  for (int i = static_cast<int>(digits.size()) - 3; i > (negative ? 1 : 0); i -= 3) {
    digits.insert(static_cast<size_t>(i), 1, ',');
  }
  return digits;
}

std::string SizeText(int64_t bytes) {
  constexpr std::array kUnits = {"B", "kB", "MB", "GB", "TB"};
  double size = static_cast<double>(bytes);
  size_t unit = 0;
  while (size >= 999.5 && unit + 1 < kUnits.size()) {
    size /= 1000;
    ++unit;
  }
  return unit == 0 ? absl::StrFormat("%d B", bytes) : absl::StrFormat("%.1f %s", size, kUnits[unit]);
}

std::string CountText(int64_t number) {
  if (number < 10'000) return WithCommas(number);
  if (number < 1'000'000) return absl::StrFormat("%.1f k", static_cast<double>(number) / 1e3);
  if (number < 1'000'000'000) return absl::StrFormat("%.1f M", static_cast<double>(number) / 1e6);
  return absl::StrFormat("%.1f G", static_cast<double>(number) / 1e9);
}

std::string ScoreText(double score) { return absl::StrFormat("%.4f", score); }

std::string LossText(double loss) {
  return loss != 0 && std::abs(loss) < 1e-3 ? absl::StrFormat("%.1e", loss) : absl::StrFormat("%.4f", loss);
}

std::string ClockText(double seconds) {
  if (!std::isfinite(seconds) || seconds < 0 || seconds > 1e8) return "-:--";
  const int64_t whole = std::llround(seconds);
  if (whole < 3600) return absl::StrFormat("%d:%02d", whole / 60, whole % 60);
  return absl::StrFormat("%d:%02d:%02d", whole / 3600, whole / 60 % 60, whole % 60);
}

std::string TimeText(const google::protobuf::Timestamp& time) {
  if (time.seconds() == 0) return "";
  return absl::FormatTime("%Y-%m-%d %H:%M", absl::FromUnixSeconds(time.seconds()), absl::LocalTimeZone());
}

}  // namespace fintag::client
