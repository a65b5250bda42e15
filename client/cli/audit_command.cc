// fintag audit verify: whether an audit log is as the server wrote it.
#include <cerrno>
#include <fstream>
#include <memory>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "client/cli/audit_chain.h"
#include "client/cli/commands.h"
#include "client/cli/figures.h"
#include "client/cli/table.h"

namespace fintag::client {
namespace {

constexpr size_t kHashDigits = 64;

// What is wrong with the log, or an empty text.
std::string Trouble(const std::string& path, const std::string& head, const AuditChain& chain) {
  if (chain.wrong_line > 0) {
    return absl::StrCat(path, ", line ", chain.wrong_line, ": ", chain.reason, ". The ", chain.entries,
                        " entries before it are whole");
  }
  if (!head.empty() && chain.known_head_line == 0) {
    return absl::StrCat(path, " has no entry of hash ", head,
                        ": its end was cut off behind that entry, or it was written anew");
  }
  return "";
}

int Verify(const Session& session, const std::string& path, const std::string& head) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return session.Fail(absl::ErrnoToStatus(errno, absl::StrCat("cannot read ", path)));
  const AuditChain chain = CheckAuditChain(file, head);
  if (file.bad()) return session.Fail(absl::DataLossError(absl::StrCat("cannot read ", path)));
  const std::string trouble = Trouble(path, head, chain);
  if (session.json) {
    Json document = {{"entries", chain.entries},
                     {"first_time", chain.first_time},
                     {"last_time", chain.last_time},
                     {"head", chain.head},
                     {"whole", trouble.empty()}};
    if (chain.wrong_line > 0) document["wrong_line"] = chain.wrong_line;
    if (chain.known_head_line > 0) document["known_head_line"] = chain.known_head_line;
    if (!trouble.empty()) document["reason"] = trouble;
    session.PrintJson(document);
    return trouble.empty() ? kDone : kFailed;
  }
  if (!trouble.empty()) return session.Fail(absl::DataLossError(trouble));
  Facts facts;
  facts.Add("entries", WithCommas(chain.entries));
  facts.Add("first", chain.first_time);
  facts.Add("last", chain.last_time);
  facts.Add("head", chain.head);
  if (chain.known_head_line > 0) facts.Add("known head", absl::StrCat("is entry ", chain.known_head_line));
  return session.Print("The chain is whole.\n" + facts.Text(session.out()));
}

}  // namespace

void AddAuditCommand(CLI::App& root, Session& session) {
  CLI::App* audit = root.add_subcommand("audit", "A server's audit log");
  audit->require_subcommand(1);
  CLI::App* verify = audit->add_subcommand("verify", "Check the chain of hashes, from the file alone");
  verify->footer(R"(Examples:
  fintag audit verify /var/lib/fintag/audit.log
  fintag audit verify audit.log --head 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08
The server's log has the head at each start and stop: with one that was kept elsewhere, an end that was cut off shows.
Exit status: 0 whole, 1 not.)");
  struct Arguments {
    std::string file, head;
  };
  auto arguments = std::make_shared<Arguments>();
  verify->add_option("FILE", arguments->file, "The log")->required()->type_name("");
  verify->add_option("--head", arguments->head, "A head from before, that the log must still have")
      ->type_name("HASH")
      ->check([](const std::string& hash) {
        const bool fits = hash.size() == kHashDigits && hash.find_first_not_of("0123456789abcdef") == std::string::npos;
        return fits ? std::string() : "must be 64 lower-case hexadecimal digits";
      });
  verify->callback([&session, arguments] {
    session.offline = true;
    session.action = [&session, arguments] { return Verify(session, arguments->file, arguments->head); };
  });
}

}  // namespace fintag::client
