#include "server/jobs/worker_process.h"

#include <fcntl.h>
#include <linux/close_range.h>
#include <signal.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "core/text/strings.h"
#include "core/training/file_io.h"
#include "server/jobs/local_ranks.h"
#include "server/jobs/trainer_environment.h"

namespace fintag::server {
namespace {

namespace fs = std::filesystem;

constexpr rlim_t kMostDescriptors = 4096;
// The weights of the largest model that is read, 2^31 numbers of four bytes, and as much again for what lies beside.
constexpr rlim_t kLargestFile = rlim_t{16} << 30;
// Tagging beside it goes first where processors are short.
constexpr int kNiceness = 5;

// Stands for a step of the child that failed; sent to the parent with its errno.
struct ChildError {
  char step[16];
  int error;
};

using Resource = decltype(RLIMIT_CORE);
struct Limit {
  Resource resource;
  rlimit most;
};

// What the child needs, prepared before the fork: after it only async-signal-safe calls are allowed.
struct ChildPlan {
  const char* program;
  std::vector<char*> arguments, environment;  // each ended by null
  const char* folder;
  std::vector<Limit> limits;
  int null_input;
  int output;
  int pid_file;
  int report;  // close-on-exec, so that a good exec closes it
};

[[noreturn]] void FailChild(const ChildPlan& plan, const char* step) {
  ChildError failure = {};
  failure.error = errno;
  strncpy(failure.step, step, sizeof failure.step - 1);
  [[maybe_unused]] const ssize_t written = write(plan.report, &failure, sizeof failure);
  _exit(127);
}

// Takes away what the trainer has no use for.
void ConfineChild(const ChildPlan& plan) {
  // The program gains nothing by files that are set-user-ID, and no core dump leaves texts or weights behind.
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) FailChild(plan, "no_new_privs");
  for (const Limit& limit : plan.limits) {
    if (setrlimit(limit.resource, &limit.most) != 0) FailChild(plan, "setrlimit");
  }
  umask(077);
  if (chdir(plan.folder) != 0) FailChild(plan, "chdir");
  setpriority(PRIO_PROCESS, 0, getpriority(PRIO_PROCESS, 0) + kNiceness);  // if it may not, it stays as it is
}

[[noreturn]] void RunChild(const ChildPlan& plan) {
  // A session, and so a process group, of its own: what a terminal or a supervisor sends to the server's does not
  // reach it.
  if (setsid() < 0) FailChild(plan, "setsid");
  for (int signal = 1; signal < NSIG; ++signal) {
    struct sigaction action = {};
    action.sa_handler = SIG_DFL;
    sigaction(signal, &action, nullptr);  // fails for those that cannot be set, which are as they should be
  }
  sigset_t none;
  sigemptyset(&none);
  if (sigprocmask(SIG_SETMASK, &none, nullptr) != 0) FailChild(plan, "sigprocmask");
  // Written here, not by the server: if that is killed now, the next one finds the trainer all the same.
  char digits[24];
  char* const end = std::to_chars(digits, digits + sizeof digits - 1, getpid()).ptr;
  *end = '\n';
  const ssize_t length = end + 1 - digits;
  if (write(plan.pid_file, digits, static_cast<size_t>(length)) != length) FailChild(plan, "pid");
  if (dup2(plan.null_input, 0) < 0 || dup2(plan.output, 1) < 0 || dup2(plan.output, 2) < 0) FailChild(plan, "dup2");
  // The server's sockets and files must not live on in the trainer.
  if (close_range(3, ~0U, CLOSE_RANGE_CLOEXEC) != 0) {
    // Kernels before 5.11 have no such flag.
    for (int descriptor = 3; descriptor < 65536; ++descriptor) fcntl(descriptor, F_SETFD, FD_CLOEXEC);
  }
  ConfineChild(plan);
  execve(plan.program, plan.arguments.data(), plan.environment.data());
  FailChild(plan, "exec");
}

int OpenFor(const fs::path& file, int flags) { return open(file.c_str(), flags | O_CLOEXEC, 0644); }

// The same descriptor with a number over 2: a server started without standard input or output hands those numbers out,
// and the child puts other files there.
int AboveStandard(int descriptor) {
  if (descriptor < 0 || descriptor > 2) return descriptor;
  const int moved = fcntl(descriptor, F_DUPFD_CLOEXEC, 3);
  const int error = errno;
  close(descriptor);
  errno = error;
  return moved;
}

// The limits to set, none above what this process may have itself.
std::vector<Limit> Limits(const TrainerLimits& wanted) {
  std::vector<Limit> limits;
  const auto add = [&limits](Resource resource, rlim_t most) {
    rlimit present = {};
    getrlimit(resource, &present);
    const rlim_t limit = std::min(most, present.rlim_max);  // RLIM_INFINITY is the largest
    limits.push_back({resource, {limit, limit}});
  };
  add(RLIMIT_CORE, 0);
  add(RLIMIT_NOFILE, kMostDescriptors);
  add(RLIMIT_FSIZE, kLargestFile);
  if (wanted.memory_bytes > 0) add(RLIMIT_DATA, static_cast<rlim_t>(wanted.memory_bytes));
  return limits;
}

// What a look at a process says. An error where there was no descriptor or no memory to look with: that a process is
// gone must not be concluded from it.
using Known = absl::StatusOr<bool>;

// No, or not to be told.
Known NotUnlessStarved(const absl::Status& error) {
  if (absl::IsResourceExhausted(error)) return error;
  return false;
}

bool IsKnownNot(const Known& known) { return known.ok() && !*known; }

// Whether a trainer holds the lock of this folder.
Known IsLocked(const fs::path& folder) {
  const int descriptor = OpenFor(folder / "trainer.lock", O_RDONLY);
  if (descriptor < 0) return NotUnlessStarved(absl::ErrnoToStatus(errno, "cannot open trainer.lock"));
  const bool locked = flock(descriptor, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
  close(descriptor);  // lets go of the lock
  return locked;
}

// Whether process `pid` was started for `folder`: tells the trainer from a stranger that was given its number since.
// A process that has ended and only waits to be reaped has no command line.
Known WorksFor(pid_t pid, const fs::path& folder) {
  absl::StatusOr<std::string> line = ReadFile(fs::path("/proc") / std::to_string(pid) / "cmdline");
  if (!line.ok()) return NotUnlessStarved(line.status());
  const std::vector<std::string> arguments = absl::StrSplit(*line, '\0');
  for (size_t i = 0; i + 1 < arguments.size(); ++i) {
    std::error_code error;
    if (arguments[i] == "--job" && fs::equivalent(arguments[i + 1], folder, error) && !error) return true;
  }
  return false;
}

// Whether a process of the group was, its leader aside: that may have been between fork and exec when it was asked, and
// be the trainer now.
Known FollowersWorkFor(pid_t group, const fs::path& folder) {
  std::error_code error;
  for (fs::directory_iterator entry("/proc", error); !error && entry != fs::directory_iterator();
       entry.increment(error)) {
    pid_t pid = 0;
    if (!absl::SimpleAtoi(entry->path().filename().string(), &pid) || pid == group || getpgid(pid) != group) continue;
    if (const Known works = WorksFor(pid, folder); !IsKnownNot(works)) return works;
  }
  if (error) return NotUnlessStarved(absl::ErrnoToStatus(error.value(), "cannot read /proc"));
  return false;
}

class Child : public WorkerProcess {
 public:
  Child(pid_t pid, fs::path folder) : pid_(pid), folder_(std::move(folder)) {}

  absl::StatusOr<std::optional<WorkerExit>> Poll() override {
    if (!exit_) Reap();
    // Killed processes hold their files a little longer than their parent lives.
    if (exit_ && !let_go_) {
      const Known locked = IsLocked(folder_);
      if (!locked.ok()) return locked.status();
      let_go_ = !*locked;
    }
    return let_go_ ? exit_ : std::nullopt;
  }
  void Terminate() override { Send(SIGTERM); }
  void Kill() override { Send(SIGKILL); }
  pid_t pid() const override { return pid_; }

 private:
  void Reap() {
    siginfo_t info = {};
    if (waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOHANG | WNOWAIT) != 0) {
      if (errno != EINTR) exit_ = WorkerExit();  // reaped by somebody else
      return;
    }
    if (info.si_pid == 0) return;
    // What it left in its group must not go on writing. The number cannot be another's before it is reaped.
    kill(-pid_, SIGKILL);
    int status = 0;
    while (waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
    }
    WorkerExit exit;
    if (WIFSIGNALED(status)) exit.signal = WTERMSIG(status);
    if (WIFEXITED(status)) exit.exit_code = WEXITSTATUS(status);
    if (exit.exit_code > 128) exit.signal = exit.exit_code - 128;  // as the shell of several tells a signal
    exit_ = exit;
  }

  void Send(int signal) {
    if (!exit_) kill(-pid_, signal);
  }

  const pid_t pid_;
  const fs::path folder_;
  std::optional<WorkerExit> exit_;
  bool let_go_ = false;  // of the folder's lock
};

class Adopted : public WorkerProcess {
 public:
  Adopted(pid_t pid, fs::path folder) : pid_(pid), folder_(std::move(folder)) {}

  absl::StatusOr<std::optional<WorkerExit>> Poll() override {
    if (!ended_) {
      const Known there = IsThere();
      if (!there.ok()) return there.status();
      ended_ = !*there;
    }
    if (ended_) return WorkerExit();
    return std::nullopt;
  }
  void Terminate() override { Send(SIGTERM); }
  void Kill() override { Send(SIGKILL); }
  pid_t pid() const override { return pid_; }

 private:
  Known IsThere() const {
    if (Known works = WorksFor(pid_, folder_); !IsKnownNot(works)) return works;
    Known left = FollowersWorkFor(pid_, folder_);
    // What it left in its group must not go on writing.
    if (left.ok() && *left) kill(-pid_, SIGKILL);
    if (!IsKnownNot(left)) return left;
    return IsLocked(folder_);
  }

  void Send(int signal) {
    if (const auto exit = Poll(); !exit.ok() || !*exit) kill(-pid_, signal);
  }

  const pid_t pid_;
  const fs::path folder_;
  bool ended_ = false;
};

}  // namespace

absl::StatusOr<std::unique_ptr<WorkerProcess>> WorkerProcess::Start(const fs::path& trainer, const fs::path& folder,
                                                                    const TrainerLimits& limits, int32_t processes) {
  std::error_code error;
  const std::string program = fs::absolute(trainer, error).string();
  const std::string place = fs::canonical(folder, error).string();
  if (error) return absl::ErrnoToStatus(error.value(), StrCat("cannot find ", folder.string()));
  const Known locked = IsLocked(place);
  if (!locked.ok()) return locked.status();
  if (*locked) return absl::FailedPreconditionError(StrCat("a trainer works in ", place, " already"));

  std::vector<int> opened;
  const absl::Cleanup closing = [&opened] {
    for (const int descriptor : opened) close(descriptor);
  };
  const auto open_file = [&](const fs::path& file, int flags) {
    const int descriptor = AboveStandard(OpenFor(file, flags));
    if (descriptor >= 0) opened.push_back(descriptor);
    return descriptor;
  };
  ChildPlan plan = {};
  std::vector<std::string> arguments = {program, "--job", place};
  std::vector<std::string> environment = TrainerEnvironment(environ, place);
  if (processes > 1) {
    absl::StatusOr<std::vector<std::string>> meeting = RankEnvironment(processes, environ);
    if (!meeting.ok()) return meeting.status();
    environment.insert(environment.end(), meeting->begin(), meeting->end());
    arguments = RankGroupCommand(processes, program, place);
  }
  plan.program = arguments.front().c_str();
  for (std::string& argument : arguments) plan.arguments.push_back(argument.data());
  plan.arguments.push_back(nullptr);
  for (std::string& variable : environment) plan.environment.push_back(variable.data());
  plan.environment.push_back(nullptr);
  plan.folder = place.c_str();
  plan.limits = Limits(limits);
  plan.null_input = open_file("/dev/null", O_RDONLY);
  plan.output = open_file(place + "/trainer.out", O_WRONLY | O_CREAT | O_APPEND);
  plan.pid_file = open_file(place + "/trainer.pid", O_WRONLY | O_CREAT | O_TRUNC);
  int report[2];
  if (plan.null_input < 0 || plan.output < 0 || plan.pid_file < 0 || pipe2(report, O_CLOEXEC) != 0) {
    return absl::ErrnoToStatus(errno, StrCat("cannot open the trainer's files in ", place));
  }
  opened.push_back(report[0]);
  plan.report = AboveStandard(report[1]);
  const pid_t pid = fork();
  if (pid == 0) RunChild(plan);
  const int fork_error = errno;
  close(plan.report);
  if (pid < 0) return absl::ErrnoToStatus(fork_error, "cannot start a process for the trainer");
  ChildError failure = {};
  ssize_t size;
  do {
    size = read(report[0], &failure, sizeof failure);  // until the exec, or what failed
  } while (size < 0 && errno == EINTR);
  if (size == static_cast<ssize_t>(sizeof failure)) {
    while (waitpid(pid, nullptr, 0) < 0 && errno == EINTR) {
    }
    return absl::ErrnoToStatus(failure.error,
                               StrCat("cannot start the trainer ", arguments.front(), " (", failure.step, ")"));
  }
  return std::make_unique<Child>(pid, place);
}

std::unique_ptr<WorkerProcess> WorkerProcess::Find(const fs::path& folder) {
  absl::StatusOr<std::string> text = ReadFile(folder / "trainer.pid");
  pid_t pid = 0;
  if (!text.ok() || !absl::SimpleAtoi(absl::StripAsciiWhitespace(*text), &pid) || pid <= 1) return nullptr;
  auto found = std::make_unique<Adopted>(pid, folder);
  if (const auto exit = found->Poll(); exit.ok() && *exit) return nullptr;
  return found;
}

}  // namespace fintag::server
