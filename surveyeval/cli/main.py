"""The command ``surveyeval``. A subcommand's module is imported when it is called, or when its help is asked for."""

from __future__ import annotations

import errno
import os
import sys
from importlib import import_module
from io import StringIO, TextIOWrapper

import click

from surveyeval import __version__
from surveyeval.errors import SurveyevalError

__all__ = ["cli", "main"]

#: Subcommand -> (module, one line), in the order of use. The line stands here so that --help imports no command.
_COMMANDS = {
    "run": ("surveyeval.cli.run", "Let models answer a task, score them, render a report card."),
    "score": ("surveyeval.cli.run", "Score finished runs again; needs no model."),
    "verify": ("surveyeval.cli.verify", "Compute a run again without its model, and compare."),
    "report": ("surveyeval.cli.run", "Render the card of one run, or one card of several."),
    "compare": ("surveyeval.cli.compare", "Differences between models, on the same people."),
    "power": ("surveyeval.cli.power", "What a task's people can decide, before any model runs."),
    "probe": ("surveyeval.cli.probe", "Ask a questionnaire in other forms: does the published one stand out?"),
    "leaderboard": ("surveyeval.cli.leaderboard", "A static site of runs and submissions, ranked where that is fair."),
    "export": ("surveyeval.cli.leaderboard", "A submission of a run for a leaderboard, without respondents."),
    "finetune": ("surveyeval.cli.finetune", "Train an adapter on a small pilot of a task's people."),
    "study": ("surveyeval.cli.study", "Run a grid of models, pilots and seeds on one test set."),
    "plot": ("surveyeval.cli.plot", "Figures for a paper, from the stored numbers of runs."),
    "sample": ("surveyeval.cli.deposit", "A run's simulated sample for SPSS, Stata, R or a spreadsheet."),
    "estimates": ("surveyeval.cli.deposit", "A run's estimates as tidy CSV, or its headlines for LaTeX."),
    "disclose": ("surveyeval.cli.deposit", "What a paper should disclose of a run, and a methods paragraph."),
    "seal": ("surveyeval.cli.deposit", "Hash simulated answers before people's answers are known."),
    "init": ("surveyeval.cli.init", "Draft a task file from a data file, or a plugin package."),
    "plan": ("surveyeval.cli.plan", "Requests, tokens, money and time of a run, before it."),
    "simulate": ("surveyeval.cli.simulate", "Answers for profiles without people's answers; no scoring."),
    "preview": ("surveyeval.cli.preview", "Show what a model reads, word for word, before any run."),
    "doctor": ("surveyeval.cli.doctor", "Look whether this installation is whole."),
    "ls": (
        "surveyeval.cli.listing",
        "List tasks, suites, sources, models, elicitations, metrics, studies, plugins or runs.",
    ),
    "show": ("surveyeval.cli.show", "Show a task, a suite, a model scheme, a metric or a run."),
    "cache": ("surveyeval.cli.cache", "What language models answered before: info, clear."),
    "schema": ("surveyeval.cli.schema", "Print the JSON Schema of task files, for editors."),
    "validate": ("surveyeval.cli.validate", "Find everything wrong in task files, without a model."),
}


class _LazyGroup(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        command: click.Command = getattr(import_module(_COMMANDS[cmd_name][0]), cmd_name.replace("-", "_"))
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        from surveyeval.errors import ConfigError, did_you_mean

        if args and args[0] not in _COMMANDS and not args[0].startswith("-"):
            hint = did_you_mean(args[0], _COMMANDS) or f"commands: {', '.join(_COMMANDS)}"
            raise ConfigError(f"there is no command {args[0]!r}", hint=hint)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, summary) for name, (_, summary) in _COMMANDS.items()])


@click.group(cls=_LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="surveyeval")
@click.option("--debug", is_flag=True, help="Show the traceback of errors.")
@click.pass_context
def cli(ctx: click.Context, debug: bool) -> None:
    """Can simulated survey respondents be trusted, and for what?

    Start with `surveyeval ls tasks`, then
    `surveyeval run --task anes96 --model baseline:marginal`.
    """
    ctx.obj = {"debug": debug}


def main() -> None:
    """Run the command line; print one block for an error and leave with its exit code."""
    debug = "--debug" in sys.argv[1:]
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):  # a terminal without Unicode gets escapes, not an error
            stream.reconfigure(errors="backslashreplace")
    if "_SURVEYEVAL_COMPLETE" in os.environ:
        from surveyeval.cli.shells import register

        register()
    try:
        code = cli(standalone_mode=False, prog_name="surveyeval")
        sys.stdout.flush()
    except click.exceptions.Abort:
        raise SystemExit(_interrupted()) from None
    except KeyboardInterrupt:
        raise SystemExit(_interrupted()) from None
    except click.ClickException as error:
        from surveyeval.cli.output import say

        said = StringIO()
        error.show(file=said)
        say(said.getvalue().rstrip(), stderr=True)
        raise SystemExit(2) from None
    except BrokenPipeError:
        _leave_stdout()
        raise SystemExit(1) from None
    except SurveyevalError as error:
        _say(error, debug)
        raise SystemExit(error.exit_code) from None
    except OSError as error:
        if error.filename is None:  # what is printed may be what found no room
            _leave_stdout()
        of_the_system = SurveyevalError(
            error.strerror or str(error) or type(error).__name__,
            file=_place(error),
            hint=None if error.errno in _PLAIN else "`surveyeval --debug` and the same command show where it happened",
        )
        _say(of_the_system, debug)
        raise SystemExit(of_the_system.exit_code) from None
    if isinstance(code, int) and code:  # a command that was left with `click.exceptions.Exit` returns its exit code
        raise SystemExit(code)


def _say(error: SurveyevalError, debug: bool) -> None:
    from surveyeval.cli.output import clean, print_error

    if debug:
        import traceback

        click.echo(clean(traceback.format_exc()).rstrip(), err=True)
    else:
        print_error(error)


#: Errors that say all there is to say: there is no room, or no permission.
_PLAIN = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES, errno.EPERM, errno.EIO})


def _place(error: OSError) -> str | None:
    """The file that an error of the system is about, where it says so."""
    name = error.filename
    return os.fsdecode(name) if isinstance(name, str | bytes) else None


def _leave_stdout() -> None:
    """Let what is still to be printed go nowhere: Python would try again at its end, and fail aloud."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _interrupted() -> int:
    click.echo("\nInterrupted. What was answered is on disk; the same command continues.", err=True)
    return 130
