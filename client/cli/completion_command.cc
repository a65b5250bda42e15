// fintag completion bash | zsh | fish
#include <memory>

#include "client/cli/commands.h"
#include "client/cli/completion.h"

namespace fintag::client {

void AddCompletionCommand(CLI::App& root, Session& session) {
  CLI::App* completion = root.add_subcommand("completion", "Print a script that teaches your shell these commands");
  completion->footer(R"(Examples:
  source <(fintag completion bash)
  fintag completion zsh > "${fpath[1]}/_fintag"
  fintag completion fish > ~/.config/fish/completions/fintag.fish)");
  auto shell = std::make_shared<std::string>();
  completion->add_option("SHELL", *shell, "bash, zsh or fish")
      ->required()
      ->check(CLI::IsMember({"bash", "zsh", "fish"}));
  completion->callback([&session, &root, shell] {
    session.offline = true;
    session.action = [&session, &root, shell] {
      const std::string script = CompletionScript(root, *shell);
      return session.json ? session.PrintJson(Json{{"shell", *shell}, {"script", script}}) : session.Print(script);
    };
  });
}

}  // namespace fintag::client
