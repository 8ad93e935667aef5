namespace Macro.Daemon.Hosting;

/// <summary>
/// The log: one line on standard error with its level first ("&lt;6&gt;", as sd-daemon(3) reads it under systemd).
/// No times: the journal has its own, and a file of our own shall have none.
/// </summary>
sealed class PlainLog(LogLevel least) : ILoggerProvider
{
    static readonly bool Journal = Environment.GetEnvironmentVariable("JOURNAL_STREAM") is not null;

    public ILogger CreateLogger(string categoryName) => new Logger(least);

    public void Dispose()
    {
    }

    sealed class Logger(LogLevel least) : ILogger
    {
        public IDisposable? BeginScope<TState>(TState state) where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => logLevel >= least && logLevel != LogLevel.None;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            if (!IsEnabled(logLevel))
                return;
            var (priority, word) = logLevel switch
            {
                LogLevel.Critical or LogLevel.Error => ("<3>", "error: "),
                LogLevel.Warning => ("<4>", "warning: "),
                LogLevel.Information => ("<6>", ""),
                _ => ("<7>", "debug: "),
            };
            var fault = exception is null ? "" : $" ({exception.GetType().Name}: {exception.Message})";
            Console.Error.WriteLine((Journal ? priority : word) + formatter(state, exception) + fault);
        }
    }
}
