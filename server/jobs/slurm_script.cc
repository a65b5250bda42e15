#include "server/jobs/slurm_script.h"

#include <cstdint>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "core/text/strings.h"

namespace fintag::server {
namespace {

// As one word of a shell's command.
std::string Quoted(const std::string& text) { return "'" + absl::StrReplaceAll(text, {{"'", "'\\''"}}) + "'"; }

// Where a task fails, the others learn of it by themselves, and rank 0 writes it down: srun ends none. Nor does it
// after a while: at a good end rank 0 works on alone, as long as it takes to write the checkpoint and score it. It
// notes its own number: a server that is killed before it could is no reason to submit the job again. And it runs only
// where no other submission has taken its place.
constexpr const char kScript[] = R"sh(#!/bin/sh
read -r name id < slurm.job
if [ "$name" != "$SLURM_JOB_NAME" ] || [ "${id:-$SLURM_JOB_ID}" != "$SLURM_JOB_ID" ]; then
  echo "slurm.job names another submission: nothing is done" >&2
  exit 1
fi
# One alone takes the place, though two may have got through under one name.
(set -C; echo "$SLURM_JOB_ID" > "$SLURM_JOB_NAME.place") 2> /dev/null
read -r holder < "$SLURM_JOB_NAME.place"
if [ "$holder" != "$SLURM_JOB_ID" ]; then
  echo "job $holder is the same submission: nothing is done" >&2
  exit 1
fi
echo "$SLURM_JOB_NAME $SLURM_JOB_ID" > slurm.job.started && mv slurm.job.started slurm.job

export TMPDIR=$PWD OMP_NUM_THREADS="${OMP_NUM_THREADS:-${SLURM_CPUS_PER_TASK:-1}}"
MEETING
exec srun --kill-on-bad-exit=0 --wait=0 --input=none ${SLURM_CPUS_PER_TASK:+--cpus-per-task=$SLURM_CPUS_PER_TASK} sh -c '
umask 077
RANKS
LIMITS
exec setpriv --no-new-privs "$0" --job "$1"' TRAINER FOLDER
)sh";

// Nodes are known by the address that Slurm itself uses. The port is one that two jobs on a node hardly share.
constexpr const char kMeeting[] = R"(first=$(scontrol show hostnames "$SLURM_JOB_NODELIST" | head -n 1)
MASTER_ADDR=$(scontrol --oneliner show node "$first" | sed -n 's/.* NodeAddr=\([^ ]*\).*/\1/p')
export MASTER_ADDR MASTER_PORT=$((20000 + SLURM_JOB_ID % 20000)) WORLD_SIZE=$SLURM_NTASKS)";

}  // namespace

std::string SlurmNoteText(const SlurmNote& note) {
  return note.id.empty() ? StrCat(note.name, "\n") : StrCat(note.name, " ", note.id, "\n");
}

SlurmNote ParseSlurmNote(const std::string& text) {
  const std::vector<std::string> words = absl::StrSplit(text, absl::ByAnyChar(" \n"), absl::SkipEmpty());
  SlurmNote note;
  if (!words.empty() && words[0].starts_with("fintag-")) note.name = words[0];
  if (words.size() > 1) note.id = words[1];
  return note;
}

std::string NextSlurmName(const std::string& job, const std::string& before) {
  const std::string first = StrCat("fintag-", job);
  if (before.empty()) return first;
  int32_t number = 1;
  if (before.size() > first.size()) (void)absl::SimpleAtoi(before.substr(first.size() + 1), &number);
  return StrCat(first, ".", number + 1);
}

std::string SlurmScript(const std::filesystem::path& trainer, const std::filesystem::path& folder,
                        const TrainerLimits& limits, int32_t processes) {
  // Where a node's own limit is lower, it stays.
  std::string commands =
      "ulimit -c 0\n"
      "ulimit -n 4096 2>/dev/null || :\n"
      "ulimit -f 33554432 2>/dev/null || :";  // of 512 bytes each: 16 GiB
  if (limits.memory_bytes > 0) commands += StrCat("\nulimit -d ", limits.memory_bytes / 1024, " 2>/dev/null || :");
  const bool several = processes > 1;
  return absl::StrReplaceAll(kScript,
                             {{"LIMITS", commands},
                              {"MEETING\n", several ? StrCat(kMeeting, "\n") : ""},
                              {"RANKS\n", several ? "export RANK=$SLURM_PROCID LOCAL_RANK=$SLURM_LOCALID\n" : ""},
                              {"TRAINER", Quoted(trainer.string())},
                              {"FOLDER", Quoted(folder.string())}});
}

}  // namespace fintag::server
