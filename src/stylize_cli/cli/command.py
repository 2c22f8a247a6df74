"""A command: its help names its arguments as the documentation does, and no Ctrl-C is silent."""

import re
from typing import TYPE_CHECKING, Any

from typer.core import TyperCommand

from stylize_cli.cli import console, words

if TYPE_CHECKING:
    from typer._click import Context, HelpFormatter

TYPE = re.compile(r" <(str|list\[str\])>$")  # Python's, which a user need not know


class Command(TyperCommand):
    """`MODEL INPUT...` in the usage, not `{MODEL} {INPUT}...`; `INPUT`, not `INPUT <list[str]>`."""

    def parse_args(self, ctx: "Context", args: list[str]) -> list[str]:
        """Reads the words that follow the command's name; says of a Ctrl-C meanwhile what is so."""
        params = self.get_params(ctx)
        options = {name for one in params for name in one.opts if name[:1] == "-"}
        valued = {name for one in params if not getattr(one, "is_flag", False) for name in one.opts}
        words.check(args, options, options & valued)
        try:
            return super().parse_args(ctx, args)
        except KeyboardInterrupt:  # what checks values is imported here
            console.tell(console.interrupted())
            raise

    def invoke(self, ctx: "Context") -> Any:  # noqa: ANN401 - whatever commands return
        """Runs it; says of a Ctrl-C that it has not answered itself what is written."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            if not ctx.params.get("quiet"):
                console.tell(console.interrupted())
            raise

    def collect_usage_pieces(self, ctx: "Context") -> list[str]:
        """What follows the command's name."""
        return [re.sub("[{}]", "", piece) for piece in super().collect_usage_pieces(ctx)]

    def format_options(self, ctx: "Context", formatter: "HelpFormatter") -> None:
        """Writes the arguments, and then the options, each with what it means."""
        for title, kind in (("Arguments", "argument"), ("Options", "option")):
            mine = [one for one in self.get_params(ctx) if one.param_type_name == kind]
            rows = [row for one in mine if (row := one.get_help_record(ctx)) is not None]
            if rows:
                with formatter.section(title):
                    formatter.write_dl([(TYPE.sub("", name), text) for name, text in rows])
