#include "server/jobs/slurm_answers.h"

#include <algorithm>
#include <array>
#include <map>
#include <string_view>

#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "core/text/strings.h"

namespace fintag::server {
namespace {

// "A=1 B=2 ...": values with spaces in them (a comment's) are cut, which harms none of those that are asked for.
std::string Field(const std::string& line, std::string_view name) {
  for (const std::string& word : std::vector<std::string>(absl::StrSplit(line, absl::ByAnyChar(" \n")))) {
    if (word.size() > name.size() && word[name.size()] == '=' && word.starts_with(name)) {
      return word.substr(name.size() + 1);
    }
  }
  return "";
}

const std::map<std::string, std::string>& Reasons() {
  static const auto* const reasons = new std::map<std::string, std::string>{
      {"BOOT_FAIL", "a node did not start"},
      {"CANCELLED", "it was cancelled"},
      {"DEADLINE", "its deadline has passed"},
      {"NODE_FAIL", "a node failed"},
      {"OUT_OF_MEMORY", "it asked for more memory than it was given: try a smaller batch, or --slurm-option --mem"},
      {"PREEMPTED", "it gave way to another"},
      {"REVOKED", "it was revoked"},
      {"TIMEOUT", "it reached its time limit"}};
  return *reasons;
}

}  // namespace

std::vector<SlurmListing> ParseSlurmListing(const std::string& output) {
  std::vector<SlurmListing> jobs;
  for (const std::string& line : std::vector<std::string>(absl::StrSplit(output, '\n'))) {
    // The folder comes last: a `|` in its name is part of it.
    const std::vector<std::string> fields = absl::StrSplit(line, absl::MaxSplits('|', 4));
    if (fields.size() == 5) jobs.push_back({fields[0], fields[1], fields[2], fields[3], fields[4]});
  }
  return jobs;
}

bool IsSlurmEnd(const std::string& state) {
  return state == "COMPLETED" || state == "FAILED" || Reasons().contains(state);
}

WorkerExit ParseSlurmEnd(const std::string& line) {
  WorkerExit exit;
  const std::string state = Field(line, "JobState");
  const std::string nodes = Field(line, "NodeList");
  if (const auto reason = Reasons().find(state); reason != Reasons().end()) {
    exit.taken_away = state != "CANCELLED" && state != "REVOKED";
    exit.reason = StrCat("Slurm job ", Field(line, "JobId"), nodes.empty() || nodes == "(null)" ? "" : " on ",
                         nodes == "(null)" ? "" : nodes, ": ", reason->second, " (", state, ")");
    return exit;
  }
  const std::vector<std::string> status = absl::StrSplit(Field(line, "ExitCode"), ':');
  if (status.size() != 2 || !absl::SimpleAtoi(status[0], &exit.exit_code) ||
      !absl::SimpleAtoi(status[1], &exit.signal)) {
    return WorkerExit();
  }
  if (exit.exit_code > 128 && exit.signal == 0) exit.signal = exit.exit_code - 128;  // as a shell tells a signal
  return exit;
}

bool IsSlurmTrouble(const std::string& errors) {
  constexpr std::array<std::string_view, 7> kPassing = {"Unable to contact slurm controller",
                                                        "Socket timed out",
                                                        "Connection refused",
                                                        "Connection timed out",
                                                        "unable to accept job",
                                                        "Communication connection failure",
                                                        "Zero Bytes were transmitted"};
  return std::any_of(kPassing.begin(), kPassing.end(),
                     [&](std::string_view passing) { return errors.find(passing) != std::string::npos; });
}

}  // namespace fintag::server
