// What Slurm's commands say, read.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "server/jobs/trainer_run.h"

namespace fintag::server {

struct SlurmListing {
  std::string id;      // "4711"
  std::string state;   // "PENDING"
  std::string reason;  // why it waits; "None" where it does not
  std::string name;
  std::filesystem::path folder;  // its working folder
};

// For `squeue --format`; a line a job.
constexpr char kSlurmListFormat[] = "%i|%T|%r|%j|%Z";
std::vector<SlurmListing> ParseSlurmListing(const std::string& output);

// Whether a job in this state has come to its end.
bool IsSlurmEnd(const std::string& state);

// How a job ended, by the line of `scontrol --oneliner show job`. A trainer's own status or signal where it had one;
// else the reason: a failed node, a time limit, memory.
WorkerExit ParseSlurmEnd(const std::string& line);

// Whether a command that said so may go well later.
bool IsSlurmTrouble(const std::string& errors);

}  // namespace fintag::server
