#include "server/jobs/command.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <filesystem>
#include <system_error>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_split.h"
#include "core/text/strings.h"

namespace fintag::server {
namespace {

namespace fs = std::filesystem;

constexpr size_t kMostOutput = 16 << 20;
constexpr int kLookMilliseconds = 100;  // at whether a command is given up

std::string FindInPath(const std::string& program) {
  const char* path = getenv("PATH");
  const std::vector<std::string> folders = absl::StrSplit(path == nullptr ? "/usr/bin:/bin" : path, ':');
  for (const std::string& folder : folders) {
    const std::string file = (fs::path(folder) / program).string();
    if (access(file.c_str(), X_OK) == 0) return file;
  }
  return "";
}

// What the child needs, prepared before the fork: after it only async-signal-safe calls are allowed.
struct Plan {
  std::string program;
  std::vector<char*> arguments, environment;  // each ended by null
  int input, output, errors;
};

[[noreturn]] void RunChild(const Plan& plan, pid_t parent) {
  // A server that is killed leaves no command behind that goes on asking the scheduler in its name.
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(127);
  setpgid(0, 0);  // a terminal's Ctrl-C is the server's
  for (int signal = 1; signal < NSIG; ++signal) {
    struct sigaction action = {};
    action.sa_handler = SIG_DFL;
    sigaction(signal, &action, nullptr);
  }
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  dup2(plan.input, 0);
  dup2(plan.output, 1);
  dup2(plan.errors, 2);
  execve(plan.program.c_str(), plan.arguments.data(), plan.environment.data());
  _exit(127);
}

// Reads both until the program has closed them, or it is given up; whether it closed them.
bool ReadBoth(int output, int errors, const std::function<bool()>& given_up, CommandResult& result) {
  std::array<pollfd, 2> sources = {{{output, POLLIN, 0}, {errors, POLLIN, 0}}};
  const std::array<std::string*, 2> targets = {&result.output, &result.errors};
  while (sources[0].fd >= 0 || sources[1].fd >= 0) {
    if (given_up()) return false;
    if (poll(sources.data(), sources.size(), kLookMilliseconds) < 0 && errno != EINTR) return false;
    for (size_t i = 0; i < sources.size(); ++i) {
      if (sources[i].fd < 0 || sources[i].revents == 0) continue;
      std::array<char, 4096> buffer;
      const ssize_t size = read(sources[i].fd, buffer.data(), buffer.size());
      if (size > 0 && targets[i]->size() < kMostOutput) targets[i]->append(buffer.data(), static_cast<size_t>(size));
      if (size == 0 || (size < 0 && errno != EINTR)) sources[i].fd = -1;
    }
  }
  return true;
}

// A file in memory with `text` in it: unlike a pipe it takes all of it before anybody reads.
int OpenText(const std::string& text) {
  const int descriptor = memfd_create("input", MFD_CLOEXEC);
  if (descriptor < 0) return -1;
  for (size_t written = 0; written < text.size();) {
    const ssize_t size = write(descriptor, text.data() + written, text.size() - written);
    if (size < 0) {
      close(descriptor);
      return -1;
    }
    written += static_cast<size_t>(size);
  }
  lseek(descriptor, 0, SEEK_SET);
  return descriptor;
}

}  // namespace

absl::StatusOr<CommandResult> RunCommand(const std::vector<std::string>& arguments, const std::string& input,
                                         const std::vector<std::string>& environment, absl::Duration patience,
                                         const std::function<bool()>& stopped) {
  Plan plan = {};
  plan.program = FindInPath(arguments.front());
  if (plan.program.empty()) return absl::FailedPreconditionError(StrCat("there is no ", arguments.front(), " in PATH"));
  for (const std::string& argument : arguments) plan.arguments.push_back(const_cast<char*>(argument.c_str()));
  for (const std::string& variable : environment) plan.environment.push_back(const_cast<char*>(variable.c_str()));
  plan.arguments.push_back(nullptr);
  plan.environment.push_back(nullptr);

  std::vector<int> opened;
  const absl::Cleanup closing = [&opened] {
    for (const int descriptor : opened) close(descriptor);
  };
  std::array<int, 2> output, errors;
  plan.input = OpenText(input);
  if (plan.input >= 0) opened.push_back(plan.input);
  if (plan.input < 0 || pipe2(output.data(), O_CLOEXEC) != 0) {
    return absl::ErrnoToStatus(errno, StrCat("cannot open files for ", arguments.front()));
  }
  opened.insert(opened.end(), output.begin(), output.end());
  if (pipe2(errors.data(), O_CLOEXEC) != 0) {
    return absl::ErrnoToStatus(errno, StrCat("cannot open files for ", arguments.front()));
  }
  opened.insert(opened.end(), errors.begin(), errors.end());
  plan.output = output[1];
  plan.errors = errors[1];

  const pid_t parent = getpid();
  const pid_t pid = fork();
  if (pid == 0) RunChild(plan, parent);
  if (pid < 0) return absl::ErrnoToStatus(errno, StrCat("cannot start ", arguments.front()));
  for (const int descriptor : {output[1], errors[1]}) {
    close(descriptor);
    std::erase(opened, descriptor);
  }
  CommandResult result;
  using Clock = std::chrono::steady_clock;
  const Clock::time_point deadline = Clock::now() + absl::ToChronoMilliseconds(patience);
  const auto given_up = [&] { return Clock::now() >= deadline || stopped(); };
  const bool ended = ReadBoth(output[0], errors[0], given_up, result);
  if (!ended) {
    kill(-pid, SIGKILL);  // a wrapper's children too
    kill(pid, SIGKILL);   // it may not have got so far as to have a group
  }
  int status = 0;
  while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  if (!ended && stopped()) return absl::CancelledError(StrCat(arguments.front(), " was ended"));
  if (!ended) {
    return absl::DeadlineExceededError(StrCat(arguments.front(), " took longer than ", absl::FormatDuration(patience)));
  }
  result.exit_status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return result;
}

bool IsInPath(const std::string& program) { return !FindInPath(program).empty(); }

}  // namespace fintag::server
