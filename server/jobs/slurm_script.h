// What Slurm runs for a job: a batch script that starts a trainer a task.
#pragma once

#include <filesystem>
#include <string>

#include "server/jobs/worker_process.h"

namespace fintag::server {

// FOLDER/slurm.job: the name that a submission has with Slurm, and its number once that is known.
struct SlurmNote {
  std::string name;
  std::string id;
};

std::string SlurmNoteText(const SlurmNote& note);
SlurmNote ParseSlurmNote(const std::string& text);  // an empty name where it is none

// The name of the submission after the one with name `before` (empty: the first) for the job `job`.
std::string NextSlurmName(const std::string& job, const std::string& before);

// The script for `folder`, which is its working folder; JOB_FOLDER.md says what the trainers are kept to.
std::string SlurmScript(const std::filesystem::path& trainer, const std::filesystem::path& folder,
                        const TrainerLimits& limits, int32_t processes);

}  // namespace fintag::server
