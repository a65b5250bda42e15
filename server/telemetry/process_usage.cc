#include "server/telemetry/process_usage.h"

#include <sys/resource.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>
#include <string>
#include <system_error>

#include "absl/strings/numbers.h"
#include "core/text/strings.h"

namespace fintag::server {
namespace {

namespace fs = std::filesystem;

// When the machine started: /proc/stat's "btime". 0 if it does not say.
double BootUnixSeconds() {
  std::ifstream stat("/proc/stat");
  for (std::string line; std::getline(stat, line);) {
    if (line.rfind("btime ", 0) == 0) return std::stod(line.substr(6));
  }
  return 0;
}

int64_t CountFiles(const fs::path& folder) {
  std::error_code error;
  int64_t count = 0;
  for (fs::directory_iterator entry(folder, error); !error && entry != fs::directory_iterator();
       entry.increment(error)) {
    ++count;
  }
  return count;
}

}  // namespace

absl::StatusOr<ProcessUsage> ReadProcessUsage(pid_t pid) {
  const fs::path folder = fs::path("/proc") / std::to_string(pid);
  std::ifstream file(folder / "stat");
  const std::string line((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  // The name in parentheses may hold anything, so the fields are counted from its end (proc(5)): state is field 3.
  const size_t name_end = line.rfind(')');
  if (name_end == std::string::npos) return absl::NotFoundError(StrCat("there is no process ", pid));
  std::istringstream fields(line.substr(name_end + 1));
  std::string state;
  fields >> state;
  int64_t user = 0, system = 0, start = 0, virtual_bytes = 0, resident_pages = 0;
  for (int number = 4; number <= 24; ++number) {
    int64_t value = 0;
    fields >> value;
    if (number == 14) user = value;
    if (number == 15) system = value;
    if (number == 22) start = value;
    if (number == 23) virtual_bytes = value;
    if (number == 24) resident_pages = value;
  }
  if (!fields) return absl::NotFoundError(StrCat("there is no process ", pid));

  const auto ticks = static_cast<double>(sysconf(_SC_CLK_TCK));
  ProcessUsage usage;
  usage.resident_bytes = resident_pages * sysconf(_SC_PAGESIZE);
  usage.virtual_bytes = virtual_bytes;
  usage.cpu_seconds = static_cast<double>(user + system) / ticks;
  usage.open_files = CountFiles(folder / "fd");
  rlimit limit = {};
  if (prlimit(pid, RLIMIT_NOFILE, nullptr, &limit) == 0) usage.max_open_files = static_cast<int64_t>(limit.rlim_cur);
  static const double boot = BootUnixSeconds();
  usage.start_unix_seconds = boot + static_cast<double>(start) / ticks;
  return usage;
}

absl::StatusOr<ProcessUsage> ReadGroupUsage(pid_t group) {
  absl::StatusOr<ProcessUsage> sum = ReadProcessUsage(group);
  if (!sum.ok()) return sum;
  std::error_code error;
  for (fs::directory_iterator entry("/proc", error); !error && entry != fs::directory_iterator();
       entry.increment(error)) {
    pid_t pid = 0;
    const std::string name = entry->path().filename().string();
    if (!absl::SimpleAtoi(name, &pid) || pid == group || getpgid(pid) != group) continue;
    const absl::StatusOr<ProcessUsage> usage = ReadProcessUsage(pid);
    if (!usage.ok()) continue;  // it has just ended
    sum->resident_bytes += usage->resident_bytes;
    sum->virtual_bytes += usage->virtual_bytes;
    sum->cpu_seconds += usage->cpu_seconds;
    sum->open_files += usage->open_files;
  }
  return sum;
}

}  // namespace fintag::server
