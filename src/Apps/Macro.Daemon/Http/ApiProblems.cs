using Macro.Api;

namespace Macro.Daemon.Http;

/// <summary>Turns what goes wrong into a <see cref="Problem"/> with its HTTP status.</summary>
static class ApiProblems
{
    /// <summary>Every answer that is not a success is a problem record, also those that the server makes by itself.</summary>
    public static async Task Middleware(HttpContext context, RequestDelegate next)
    {
        try
        {
            await next(context);
            if (context.Response is { HasStarted: false, StatusCode: >= 400, ContentLength: null })
                await WriteAsync(context, FromStatus(context.Response.StatusCode), context.Response.StatusCode);
        }
        catch (OperationCanceledException) when (context.RequestAborted.IsCancellationRequested)
        {
            // The client went away: there is nobody to answer.
        }
        catch (NodeException e) when (!context.Response.HasStarted)
        {
            await WriteAsync(context, e.Problem, StatusOf(e.Problem.Code));
        }
        catch (BadHttpRequestException e) when (!context.Response.HasStarted)
        {
            await WriteAsync(context, FromStatus(e.StatusCode), e.StatusCode);
        }
        catch (Exception e) when (!context.Response.HasStarted)
        {
            // The type says enough to find the fault; a message could carry an address.
            Log.OperationFailed(context.RequestServices.GetRequiredService<ILogger<ApiServer>>(), e.GetType().Name, e.StackTrace ?? "");
            await WriteAsync(context, FromStatus(500), 500);
        }
    }

    static Task WriteAsync(HttpContext context, Problem problem, int status)
    {
        context.Response.StatusCode = status;
        return context.Response.WriteAsJsonAsync(problem, ApiJson.Default.Problem);
    }

    static int StatusOf(string code) => code switch
    {
        ProblemCodes.BadRequest => 400,
        ProblemCodes.NotPermitted => 403,
        ProblemCodes.NotFound => 404,
        ProblemCodes.BadDirectory or ProblemCodes.BadInvite => 422,
        ProblemCodes.Internal => 500,
        _ => 409,
    };

    static Problem FromStatus(int status) => status switch
    {
        404 or 405 => new Problem
        {
            Code = ProblemCodes.NotFound,
            Message = "This node has no such operation.",
            Remedy = "Use macrovpn and macrovpnd of the same version.",
        },
        < 500 => new Problem
        {
            Code = ProblemCodes.BadRequest,
            Message = "The request is not understood.",
            Remedy = "Send the JSON of docs/operations/api.md.",
        },
        _ => new Problem
        {
            Code = ProblemCodes.Internal,
            Message = "The node met a fault of its own.",
            Remedy = Problem.ReportRemedy,
        },
    };
}

static partial class Log
{
    [LoggerMessage(Level = LogLevel.Error, Message = "An API operation failed: {Type}\n{Stack}")]
    public static partial void OperationFailed(ILogger logger, string type, string stack);
}
