// fintag token new: makes a token, and the line by which a server knows it.
#include <openssl/rand.h>

#include <array>
#include <memory>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "client/cli/commands.h"
#include "client/sha256.h"

namespace fintag::client {
namespace {

// 256 bits that nobody can guess, so that a plain hash of them tells nothing: it is passwords, of which people choose
// few, that need a slow one.
absl::StatusOr<std::string> NewToken() {
  std::array<unsigned char, 32> bytes;
  if (RAND_bytes(bytes.data(), bytes.size()) != 1) return absl::InternalError("this machine gives no random numbers");
  return absl::StrCat("fintag_", absl::BytesToHexString({reinterpret_cast<const char*>(bytes.data()), bytes.size()}));
}

int MakeToken(const Session& session, const std::string& name, const std::string& role) {
  absl::StatusOr<std::string> token = NewToken();
  if (!token.ok()) return session.Fail(token.status());
  Sha256 hash;
  hash.Update(*token);
  const std::string line = absl::StrCat(name, " ", role, " sha256:", hash.Finish());
  if (session.json) return session.PrintJson(Json{{"token", *token}, {"line", line}});
  return session.Print(absl::StrCat("Token, for ", name, " alone; it is shown this once:\n", *token,
                                    "\nLine for the server's --tokens file:\n", line, "\n"));
}

}  // namespace

void AddTokenCommand(CLI::App& root, Session& session) {
  CLI::App* token = root.add_subcommand("token", "Tokens for callers of a server with --tokens");
  token->require_subcommand(1);
  CLI::App* make = token->add_subcommand("new", "Make a token, and the line by which the server knows it");
  make->footer(R"(Examples:
  fintag token new alice --role trainer
  fintag --json token new alice --role trainer
Nothing is sent anywhere. The server keeps the hash alone, and reads its file anew when it changes.)");
  struct Arguments {
    std::string name, role;
  };
  auto arguments = std::make_shared<Arguments>();
  make->add_option("name", arguments->name, "Whose it is; the server's log says this name")
      ->required()
      ->type_name("NAME")
      ->check([](const std::string& name) {
        const bool plain = name.size() <= 64 && name.find_first_not_of(
                                                    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRST"
                                                    "UVWXYZ0123456789._@-") == std::string::npos;
        return plain ? std::string() : "must be up to 64 letters, digits, '.', '_', '@' and '-'";
      });
  make->add_option("--role", arguments->role, "viewer reads; tagger also tags; trainer also trains; admin does all")
      ->required()
      ->check(CLI::IsMember({"viewer", "tagger", "trainer", "admin"}));
  make->callback([&session, arguments] {
    session.offline = true;
    session.action = [&session, arguments] { return MakeToken(session, arguments->name, arguments->role); };
  });
}

}  // namespace fintag::client
